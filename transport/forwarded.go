// The client behind a reverse proxy: Forwarded (RFC 7239) or X-Forwarded-For, for all versions of
// HTTP.

package transport

import (
	"net/netip"
	"strings"

	"bailiwick/internal/cause"
)

// ForwardedHeader is the request field that a reverse proxy sets. A client can send the other
// field, and the proxy then passes it on; so only one of them can be believed.
type ForwardedHeader uint8

// The fields.
const (
	EitherForwarded ForwardedHeader = iota // whichever comes; a request with both is refused
	Forwarded
	XForwardedFor
)

// client returns who sent a request: the connection's far end, or the client that a trusted reverse
// proxy names. A field that cannot be parsed is refused, and not taken as the proxy's own request:
// the proxy may be allowed more than its clients.
func (d *doh) client(from Client, r *httpRequest) (Client, cause.Cause) {
	if r.forwarded == "" && r.forwardedFor == "" {
		return from, cause.None
	}
	by := &d.spec.now.Load().Proxies
	if !trusted(by.ForwardedFrom, from.Addr.Addr()) {
		return from, cause.None
	}
	header := by.ForwardedHeader
	if header == EitherForwarded {
		switch {
		case r.forwarded != "" && r.forwardedFor != "":
			return from, cause.HTTPForwarded
		case r.forwarded != "":
			header = Forwarded
		default:
			header = XForwardedFor
		}
	}
	nodes, ok := strings.Split(r.forwardedFor, ","), true
	if header == Forwarded {
		nodes, ok = forwardedNodes(r.forwarded)
	}
	// The last node is the one that connected to the proxy. If it is a trusted proxy too, the one
	// before counts.
	for i := len(nodes) - 1; i >= 0 && ok; i-- {
		node := strings.Trim(nodes[i], " \t")
		switch {
		case node == "" && header == XForwardedFor:
			// RFC 9110, section 5.6.1: an empty element counts for nothing.
			continue
		case node == "", strings.EqualFold(node, "unknown"), node[0] == '_':
			return from, cause.None // RFC 7239, sections 6.2 and 6.3: unknown or obfuscated
		}
		var a netip.AddrPort
		if a, ok = parseNode(node); !ok {
			break
		}
		from.Addr = a
		if !trusted(by.ForwardedFrom, a.Addr()) {
			return from, cause.None
		}
	}
	if !ok {
		return from, cause.HTTPForwarded
	}
	return from, cause.None
}

// parseNode parses an address, with or without a port (RFC 7239, section 6). In X-Forwarded-For
// IPv6 addresses may lack brackets.
func parseNode(s string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(s)
	if err == nil {
		return netip.AddrPortFrom(a.Unmap(), 0), a.Zone() == ""
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), ap.Addr().Zone() == ""
	}
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		host, port = s[:i], s[i+1:]
	}
	if port != "" && port[0] != '_' { // a port may be obfuscated, too (RFC 7239, section 6.3)
		return netip.AddrPort{}, false
	}
	six := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	if six {
		host = host[1 : len(host)-1]
	}
	a, err = netip.ParseAddr(host)
	return netip.AddrPortFrom(a.Unmap(), 0), err == nil && a.Is6() == six && a.Zone() == ""
}

// forwardedNodes returns the parameter "for" of each element, "" where it is missing (RFC 7239,
// section 4). A comma or semicolon within quotes does not separate: a proxy may pass on text of its
// client there.
func forwardedNodes(s string) (nodes []string, ok bool) {
	node, has := "", false
	for {
		s = strings.TrimLeft(s, " \t")
		if s != "" && s[0] != ',' && s[0] != ';' {
			var name, value string
			if name, value, s, ok = forwardedPair(s); !ok {
				return nil, false
			}
			if strings.EqualFold(name, "for") {
				if has {
					return nil, false // RFC 7239, section 4: at most once
				}
				node, has = value, true
			}
			s = strings.TrimLeft(s, " \t")
		}
		switch {
		case s == "":
			return append(nodes, node), true
		case s[0] == ',':
			nodes, node, has = append(nodes, node), "", false
		case s[0] != ';':
			return nil, false
		}
		s = s[1:]
	}
}

// forwardedPair reads a name and a value, which may be quoted (RFC 9110, section 5.6.4).
func forwardedPair(s string) (name, value, rest string, ok bool) {
	name, rest, ok = strings.Cut(s, "=")
	if !ok || !token(name) {
		return "", "", "", false
	}
	if !strings.HasPrefix(rest, `"`) {
		n := strings.IndexAny(rest, ",; \t")
		if n < 0 {
			n = len(rest)
		}
		return name, rest[:n], rest[n:], !strings.Contains(rest[:n], `"`)
	}
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; c {
		case '"':
			return name, b.String(), rest[i+1:], true
		case '\\':
			if i++; i == len(rest) {
				return "", "", "", false
			}
			b.WriteByte(rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", "", false
}

// token reports whether s is a token (RFC 9110, section 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
