"""What the window shows, without Qt: testable in plain Python."""
