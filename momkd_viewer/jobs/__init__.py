"""Work away from the GUI thread: a frozen request in, a result out, progress, cancel."""
