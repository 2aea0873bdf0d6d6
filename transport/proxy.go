// PROXY headers: version 2 before or inside TLS and before UDP packets, version 1 on connections
// (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt).

package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/pires/go-proxyproto"
)

// proxyFixed is the length of a header's fixed part; its last two octets are the length of the
// rest.
const proxyFixed = 16

// proxySignature is what a header of version 2 begins with.
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// proxyLine is what a header of version 1 begins with.
const proxyLine = "PROXY "

// errNoHeader reports that data without a PROXY header arrived.
var errNoHeader = errors.New("no PROXY header")

// readProxyHeader reads a header and not an octet more, and returns the client's address. Which of
// the two versions it has is read, not configured: neither can be taken for the other, and nginx
// sends version 1 alone (github.com/nginx/nginx/issues/1733).
func readProxyHeader(r io.Reader, peer netip.AddrPort) (netip.AddrPort, error) {
	b := make([]byte, proxyFixed, 256)
	if _, err := io.ReadFull(r, b[:len(proxySignature)]); err != nil {
		return peer, fmt.Errorf("%w: %w", errNoHeader, err)
	}
	if string(b[:len(proxyLine)]) == proxyLine {
		return readProxyLine(r, b[:len(proxySignature)], peer)
	}
	if string(b[:len(proxySignature)]) != proxySignature {
		return peer, errNoHeader
	}
	if _, err := io.ReadFull(r, b[len(proxySignature):]); err != nil {
		return peer, fmt.Errorf("half a PROXY header: %w", err)
	}
	n := int(binary.BigEndian.Uint16(b[proxyFixed-2:]))
	if n > maxProxyHeader {
		return peer, fmt.Errorf("a PROXY header of %d octets", n)
	}
	b = append(b, make([]byte, n)...)
	if _, err := io.ReadFull(r, b[proxyFixed:]); err != nil {
		return peer, fmt.Errorf("half a PROXY header: %w", err)
	}
	h, err := proxyproto.Read(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return peer, err
	}
	client, ok := proxied(h, peer)
	if !ok {
		return peer, errors.New("a PROXY header that names no IP address")
	}
	return client, nil
}

// readProxyLine reads the rest of a header of version 1, of which b has come.
func readProxyLine(r io.Reader, b []byte, peer netip.AddrPort) (netip.AddrPort, error) {
	for !bytes.HasSuffix(b, []byte("\r\n")) {
		if len(b) == maxProxyLine {
			return peer, fmt.Errorf("a PROXY line without an end within %d octets", maxProxyLine)
		}
		b = append(b, 0)
		if _, err := io.ReadFull(r, b[len(b)-1:]); err != nil {
			return peer, fmt.Errorf("half a PROXY line: %w", err)
		}
	}
	return parseProxyLine(strings.TrimSuffix(string(b), "\r\n"), peer)
}

// parseProxyLine returns the client that a header of version 1 names, or the peer itself if it is
// UNKNOWN, as health checks are; what follows that word does not count. The addresses of a TCP6
// line may be IPv4: nginx writes such lines where the families of its two sides differ (so the
// documentation of github.com/pires/go-proxyproto, which refuses them by default).
func parseProxyLine(line string, peer netip.AddrPort) (netip.AddrPort, error) {
	f := strings.Split(line, " ")
	if f[1] == "UNKNOWN" {
		return peer, nil
	}
	wrong := fmt.Errorf("a PROXY line that cannot be read: %.60q", line)
	if len(f) != 6 || f[1] != "TCP4" && f[1] != "TCP6" {
		return peer, wrong
	}
	var ends [2]netip.AddrPort
	for i := range ends {
		a, err := netip.ParseAddr(f[2+i])
		port, bad := strconv.ParseUint(f[4+i], 10, 16)
		if err != nil || bad != nil || a.Zone() != "" || f[1] == "TCP4" && !a.Is4() {
			return peer, wrong
		}
		ends[i] = netip.AddrPortFrom(a, uint16(port))
	}
	return ends[0], nil
}

// beginsLikeProxy reports whether data begin as a PROXY header does, where there should be none.
// No DNS message and no request of HTTP begins so.
func beginsLikeProxy(b []byte) bool {
	return len(b) >= len(proxySignature) && string(b[:len(proxySignature)]) == proxySignature ||
		len(b) >= len(proxyLine)+3 && (string(b[:len(proxyLine)+3]) == proxyLine+"TCP" ||
			string(b[:len(proxyLine)+3]) == proxyLine+"UNK")
}

// unbidden reports whether the first data of a client are a PROXY header: its sender is not
// trusted, or puts it where it is not expected. The connection has to end then. Taken for a
// message, the header would keep the proxy waiting for the rest of it, and nobody would know why.
func (c *conn) unbidden(b []byte) bool {
	if !beginsLikeProxy(b) {
		return false
	}
	c.owner.spec.unbidden(c.peer().Addr())
	return true
}

// unbidden logs that a PROXY header came where none is expected, once for each address.
func (s *Spec) unbidden(from netip.Addr) {
	if s.Log != nil && s.Gate.strangers.first(from.Unmap()) {
		s.Log.Warn("a PROXY header where none is expected", "from", from.Unmap(), "cure",
			"name the proxy in proxy_from of this listener and see that proxy_tls says where it "+
				"puts the header, or switch it off there")
	}
}

// proxied returns the client that a PROXY header of a packet names, or the peer itself if the proxy
// sends on its own behalf. It accepts only version 2: version 1 is text, for TCP alone.
func proxied(h *proxyproto.Header, peer netip.AddrPort) (netip.AddrPort, bool) {
	switch {
	case h == nil || h.Version != 2:
		return peer, false
	case h.Command.IsLocal():
		return peer, true
	}
	switch a := h.SourceAddr.(type) {
	case *net.TCPAddr:
		return a.AddrPort(), true
	case *net.UDPAddr:
		return a.AddrPort(), true
	}
	return peer, false
}

// badProxy logs that a proxy sent no valid header, once for each proxy.
func (s *Spec) badProxy(from netip.Addr, err error) {
	if s.Log != nil && s.Gate.proxies.first(from.Unmap()) {
		s.Log.Warn("a proxy that is trusted sent no good PROXY header", "from", from.Unmap(),
			"error", err, "cure", "switch the PROXY protocol on there, see that proxy_tls"+
				" says where it puts the header, or take it out of proxy_from")
	}
}

// sources remembers addresses, up to maxLoggedSources of them.
type sources struct {
	mu   sync.Mutex
	seen map[netip.Addr]struct{} // guarded by mu
}

// first reports whether an address is new and there was room to remember it.
func (s *sources) first(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.seen[a]; known || len(s.seen) >= maxLoggedSources {
		return false
	}
	if s.seen == nil {
		s.seen = map[netip.Addr]struct{}{}
	}
	s.seen[a] = struct{}{}
	return true
}
