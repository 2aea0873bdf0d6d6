// DNS over TCP (RFC 7766).

package transport

func openTCP(s Spec) (Listener, error) {
	return accept(TCP, s, func(h Handler, c *conn) { serveStream(h, c, c) })
}
