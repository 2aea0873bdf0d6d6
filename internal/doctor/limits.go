// Limits of one examination; docs/limits.md lists them.

package doctor

import "time"

const (
	// MaxTime is how long an examination may take with everything.
	MaxTime = 15 * time.Second
	// ReplyTime is how long a reply is waited for.
	ReplyTime = 2 * time.Second
	// maxTries is how often a question is sent over UDP: one packet that is lost means nothing.
	maxTries = 2
	// maxServers is how many servers of one role are asked. Of the root's servers it is each family
	// that has as many.
	maxServers = 4
	// maxFile is how many octets of a file of the machine are read.
	maxFile = 64 << 10
	// certificateSoon is how long before its end a certificate is told of, see transport.EndsSoon.
	certificateSoon = 14 * 24 * time.Hour
	// maxLibraryServers is how many servers of resolv.conf the C library asks (MAXNS in resolv.h).
	maxLibraryServers = 3
	// smallUDP is what every path should carry (RFC 9715, section 3.1), and largeUDP what is sent
	// in fragments over most.
	smallUDP, largeUDP = 1232, 4096
)
