package main

import "golang.org/x/sys/windows"

// administrator reports whether this process may change the machine.
func administrator() bool { return windows.GetCurrentProcessToken().IsElevated() }
