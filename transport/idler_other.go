//go:build !unix

package transport

import "net"

// idler is for systems on which a connection waits without a buffer.
type idler struct{}

func newIdler(*burst) *idler { return nil }

func (*idler) read() (int, error) { return 0, net.ErrClosed }
