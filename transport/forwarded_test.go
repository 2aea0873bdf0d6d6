package transport

import (
	"encoding/base64"
	"net/http"
	"net/netip"
	"testing"

	"bailiwick/internal/cause"
)

// The client is the address that a trusted reverse proxy names in the one field that it sets. The
// other field, which the client may have set, is ignored, over every version of HTTP. If the
// operator has not configured the proxy's field, a request with both is refused: taken as the
// proxy's own request, it could be allowed more than its client is.
func TestForwardedIsTheFieldOfTheProxy(t *testing.T) {
	ours := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"),
		netip.MustParsePrefix("10.0.0.0/8")}
	const proxy, refused = "127.0.0.1", ""
	type fields = http.Header
	xff := func(v ...string) fields { return fields{"X-Forwarded-For": v} }
	std := func(v ...string) fields { return fields{"Forwarded": v} }
	both := fields{"X-Forwarded-For": {"192.0.2.7"}, "Forwarded": {"for=198.51.100.9"}}
	cases := []struct {
		name   string
		header ForwardedHeader
		fields fields
		trust  []netip.Prefix
		want   string
	}{
		{"one address", XForwardedFor, xff("192.0.2.7"), ours, "192.0.2.7"},
		{"a chain of proxies of ours", XForwardedFor, xff("203.0.113.9, 192.0.2.7, 10.1.1.1"), ours,
			"192.0.2.7"},
		{"several fields", XForwardedFor, xff("203.0.113.9", "192.0.2.7", "10.1.1.1"), ours,
			"192.0.2.7"},
		{"a port", XForwardedFor, xff("192.0.2.7:4711"), ours, "192.0.2.7"},
		{"IPv6", XForwardedFor, xff("2001:db8::1"), ours, "2001:db8::1"},
		{"IPv6 in brackets", XForwardedFor, xff("[2001:db8::1]"), ours, "2001:db8::1"},
		{"IPv6 and a port", XForwardedFor, xff("[2001:db8::1]:4711"), ours, "2001:db8::1"},
		{"IPv4 in IPv6", XForwardedFor, xff("::ffff:192.0.2.7"), ours, "192.0.2.7"},
		{"empty elements", XForwardedFor, xff("192.0.2.7, ,"), ours, "192.0.2.7"},
		{"a zone", XForwardedFor, xff("fe80::1%eth0"), ours, refused},
		{"rubbish", XForwardedFor, xff("192.0.2.7, rubbish"), ours, refused},
		{"rubbish of the client", XForwardedFor, xff("rubbish, 192.0.2.7"), ours, "192.0.2.7"},
		{"it does not tell", XForwardedFor, xff("unknown"), ours, proxy},
		{"the other field alone", XForwardedFor, std("for=198.51.100.9"), ours, proxy},
		{"both, X-Forwarded-For is the proxy's", XForwardedFor, both, ours, "192.0.2.7"},
		{"both, Forwarded is the proxy's", Forwarded, both, ours, "198.51.100.9"},
		{"both, and nobody has said", EitherForwarded, both, ours, refused},
		{"both, of a stranger", EitherForwarded, both, nil, proxy},
		{"either", EitherForwarded, xff("192.0.2.7"), ours, "192.0.2.7"},
		{"or", EitherForwarded, std("for=192.0.2.7"), ours, "192.0.2.7"},
		{"an element", Forwarded, std(`for=192.0.2.7;proto=https, for="[2001:db8::1]:4711"`), ours,
			"2001:db8::1"},
		{"several elements in fields", Forwarded, std("for=192.0.2.7", "FOR=10.1.1.1;by=10.1.1.2"),
			ours,
			"192.0.2.7"},
		{"an obfuscated client", Forwarded, std("for=_hidden"), ours, proxy},
		{"an unknown one", Forwarded, std(`for="unknown"`), ours, proxy},
		{"an obfuscated port", Forwarded, std(`for="192.0.2.7:_p"`), ours, "192.0.2.7"},
		{"no for", Forwarded, std("proto=https"), ours, proxy},
		{"what the client said, in quotes", Forwarded,
			std(`for=192.0.2.7;host="a, for=198.51.100.9"`),
			ours, "192.0.2.7"},
		{"and with a semicolon", Forwarded, std(`for=192.0.2.7;host="a;for=198.51.100.9"`), ours,
			"192.0.2.7"},
		{"and with an escape", Forwarded, std(`for=192.0.2.7;host="a\";for=198.51.100.9"`), ours,
			"192.0.2.7"},
		{"twice in an element", Forwarded, std("for=192.0.2.7;for=198.51.100.9"), ours, refused},
		{"a quote that does not end", Forwarded, std(`for=", for=192.0.2.7`), ours, refused},
		{"rubbish", Forwarded, std("for=rubbish"), ours, refused},
		{"no pair", Forwarded, std("192.0.2.7"), ours, refused},
		{"a stranger", Forwarded, std("for=192.0.2.7"), nil, proxy},
	}
	clients := httpClients(t)
	get := "/dns-query?dns=" + base64.RawURLEncoding.EncodeToString(query("fast"))
	for name, p := range map[string]Protocol{"h1": DoH, "h2": DoH, "h3": DoH3, "h2c": DoHPlain,
		"h1 plain": DoHPlain} {
		client, scheme := clients[name], "https"
		if p == DoHPlain {
			scheme = "http"
		}
		if name == "h1 plain" {
			client = clients["h1"]
		}
		var trust []netip.Prefix
		var header ForwardedHeader
		h, w := &echo{}, &witness{}
		at := listenBy(t, p, h, w, func(s *Spec) {
			s.ForwardedFrom, s.ForwardedHeader = trust,
				header
		})
		last := -1
		for i, c := range cases {
			if last < 0 || cases[last].header != c.header ||
				(cases[last].trust == nil) != (c.trust == nil) {
				trust, header = c.trust, c.header
				at = listenBy(t, p, h, w, func(s *Spec) {
					s.ForwardedFrom,
						s.ForwardedHeader = trust, header
				})
			}
			last = i
			q, err := http.NewRequest("GET", scheme+"://"+at.String()+get, nil)
			if err != nil {
				t.Fatal(err)
			}
			q.Header = c.fields.Clone()
			before := len(h.from())
			r, err := client.Do(q)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, c.name, err)
			}
			r.Body.Close()
			got := refused
			if from := h.from(); len(from) > before {
				got = from[len(from)-1].Addr.Addr().String()
			}
			if got != c.want || (c.want == refused) != (r.StatusCode == http.StatusBadRequest) {
				t.Errorf("%s, %s: client %q, status %d; want %q", name, c.name, got, r.StatusCode,
					c.want)
			}
		}
		if w.seen()[cause.HTTPForwarded] == 0 {
			t.Errorf("%s: what was refused is not counted: %v", name, w.seen())
		}
	}
}

func FuzzForwarded(f *testing.F) {
	for _, s := range []string{`for=192.0.2.7;proto=https, for="[2001:db8::1]:4711"`, `for="a\"b"`,
		",;=", "for=_x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		nodes, ok := forwardedNodes(s)
		if ok && len(nodes) == 0 {
			t.Errorf("%q: no element", s)
		}
		for _, n := range nodes {
			if a, ok := parseNode(n); ok && (!a.Addr().IsValid() || a.Addr().Is4In6()) {
				t.Errorf("%q: %v", n, a)
			}
		}
		// The element that a proxy appends is read, unless the text before it makes the whole field
		// invalid.
		if more, ok := forwardedNodes(s + ", for=192.0.2.7"); ok &&
			more[len(more)-1] != "192.0.2.7" {
			t.Errorf("%q hides what the proxy appends: %q", s, more)
		}
	})
}
