// DNS over TLS (RFC 7858).

package transport

// overTLS implements DNS over TLS.
type overTLS struct{ keptOpen }

func (overTLS) open(s Spec) (Listener, error) {
	cfg := s.TLS.overTCP(DoT.ALPN())
	return accept(DoT, s, func(h Handler, c *conn) {
		if t := c.handshake(cfg); t != nil {
			serveStream(h, c, t)
		}
	})
}

func (overTLS) upstream(k upstreamKey, by *identities, o *background) upstream {
	return newStreamUpstream(k, by, o)
}
