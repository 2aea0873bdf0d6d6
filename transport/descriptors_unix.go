//go:build unix

package transport

import (
	"math"
	"syscall"
)

// DescriptorLimit is how many descriptors the process may have open, 0 if that is not known. The Go
// runtime has raised the soft limit to the hard one at its start.
func DescriptorLimit() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	return int(min(uint64(l.Cur), math.MaxInt32))
}
