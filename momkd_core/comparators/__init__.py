"""Comparison systems, one file each, behind one interface: imported when they are asked for."""
