//go:build !linux

package aside

// begin notes nothing: work does not pause where threads have no names.
func begin() (end func()) { return func() {} }

// Yield pauses work that InPieces does, where the system can tell its thread from others.
func Yield() {}
