//go:build !linux

package transport

import "net/netip"

const procRoot = ""

// holder names the process that has a port; other systems do not tell.
func holder(string, string, netip.AddrPort) (process string, has netip.AddrPort) { return "", has }
