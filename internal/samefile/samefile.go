// Package samefile compares a file with what it was when it was read.
package samefile

import "os"

// Unchanged reports whether a file is as it was when it was read; false if it was never read, which
// is a nil read. Its time alone does not tell: files that are written one after the other may have
// the same.
func Unchanged(read, now os.FileInfo) bool {
	return read != nil && os.SameFile(read, now) && read.ModTime().Equal(now.ModTime()) &&
		read.Size() == now.Size()
}
