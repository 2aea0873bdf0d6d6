// PROXY headers of version 2, before or inside TLS, and before UDP packets.

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
	"sync"

	"github.com/pires/go-proxyproto"
)

// proxyFixed is the length of a header's fixed part; its last two octets are the length of the
// rest.
const proxyFixed = 16

// proxySignature is what a header of version 2 begins with.
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// errNoHeader reports that data without a PROXY header arrived.
var errNoHeader = errors.New("no PROXY header of version 2")

// readProxyHeader reads a header and not an octet more, and returns the client's address.
func readProxyHeader(r io.Reader, peer netip.AddrPort) (netip.AddrPort, error) {
	b := make([]byte, proxyFixed, 256)
	if _, err := io.ReadFull(r, b); err != nil {
		return peer, fmt.Errorf("%w: %w", errNoHeader, err)
	}
	if string(b[:len(proxySignature)]) != proxySignature {
		return peer, errNoHeader
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

// proxied returns the client that a PROXY header names, or the peer itself if the proxy connects on
// its own behalf. It accepts only version 2: version 1 is text, for TCP alone.
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
			"error", err, "cure", "switch PROXY protocol version 2 on there, see that proxy_tls"+
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
