//go:build !linux

package transport

import "net/netip"

const procRoot = ""

// holder returns the process that uses a port. On other systems that is not known.
func holder(string, string, netip.AddrPort) (process string, has netip.AddrPort) { return "", has }
