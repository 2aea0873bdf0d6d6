// Readiness, for who checks by DNS queries whether clients are to be sent here.

package server

import (
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// readyName is the name whose TXT record in class CHAOS is there if clients may be sent here, as
// /readyz does. A front that checks any other name notices the end of a server by the first queries
// that it loses: until its sockets are closed a server that is being stopped answers all of them,
// as clients still come. The name is beside those of RFC 4892.
var readyName = wire.MustParseName("ready.server")

// SetReady has the server say that clients are to be sent to it, or, until it is called again, that
// they are not and why; nil is yes. A server is ready at first.
func (s *Server) SetReady(not *cause.Failure) { s.notReady.Store(not) }

// unready answers that clients are not to be sent here (RFC 8914, section 4.15: Not Ready).
func (r *request) unready(f *cause.Failure) []byte {
	r.server.observe.ServFail(f.Cause)
	return r.short(wire.RCodeServFail, f)
}
