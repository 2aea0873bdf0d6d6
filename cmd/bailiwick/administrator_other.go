//go:build !windows

package main

import "os"

// administrator reports whether this process may change the machine.
func administrator() bool { return os.Geteuid() == 0 }
