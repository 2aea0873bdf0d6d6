// Limits: amounts that web servers can influence.

package web

import "time"

const (
	// maxRedirects is how often a web server may refer to another place.
	maxRedirects = 5
	// maxAddresses is how many addresses of a web server are tried.
	maxAddresses = 4
	// connectTime is how long a TLS handshake may take.
	connectTime = 10 * time.Second
	// idleTime is how long a server may be silent before a body, and how long it may take for
	// minProgress octets of one, or for what is left of it: a server that sends an octet now and
	// then must not hold up what waits behind it. A modem brings three times as much.
	idleTime    = 30 * time.Second
	minProgress = 64 << 10
	// keepTime is how long a connection without requests stays open.
	keepTime = 90 * time.Second
)
