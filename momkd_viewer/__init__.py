"""The desktop application: look inside a biomarker model, patch by patch and memory by memory."""
