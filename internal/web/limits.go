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
	// idleTime is how long a server may be silent before and within a body.
	idleTime = 30 * time.Second
)
