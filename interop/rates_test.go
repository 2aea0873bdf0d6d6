// Limits of responses beside BIND's rate-limit: who is limited, and what is sent in place of what
// is held back.

package interop

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// flooded is how many queries a flood has. Rates are two a second, so that all of a flood could be
// answered only if it took half a minute.
const flooded = 60

// rateViews are what is set for some clients, in BIND's words and in Bailiwick's. Addresses of
// 127.0.0.0/8 are clients like any other but 127.0.0.1, which Bailiwick takes for itself.
var rateViews = []struct{ net, bind, own string }{
	{"127.0.11.0/24", "slip 1;", "slip: 1"},
	{"127.0.12.0/24", "slip 0;", "slip: 0"},
	{"127.0.13.0/24", "ipv4-prefix-length 32;", "ipv4_prefix: 32"},
	{"127.0.14.0/24", "log-only yes;", "log_only: true"},
	{"127.0.15.0/24", "window 1;", "window: 1s"},
	{"127.0.16.0/24", "responses-per-second 0;", "responses: 0"},
}

// rateCases are floods: by a client, of questions; "%d" in a name is another number in each query.
// want is what comes of it: "all" answers, or what there is beside answers in full. bind is what
// BIND has in its place.
var rateCases = []struct {
	what, client, name string
	qt                 uint16
	network            string
	cookie             bool
	size               int // how many queries; 0: flooded
	want, bind         string
}{
	{what: "equal answers", client: "127.0.10.1", name: "www.rate.example.", want: "TC, silence"},
	{what: "two of the same prefix", client: "127.0.10.99", name: "www.rate.example.", size: 2,
		want: "TC, silence"},
	{what: "two of the next prefix", client: "127.0.17.1", name: "www.rate.example.", size: 2,
		want: "all"},
	{what: "the same client, another type", client: "127.0.10.1", name: "www.rate.example.",
		qt: dns.TypeTXT, want: "TC, silence"},
	{what: "other answers to who is limited", client: "127.0.10.1", name: "once%d.rate.example.",
		want: "all"},
	{what: "names that there are not", client: "127.0.18.1", name: "no%d.rate.example.",
		want: "TC, silence"},
	{what: "types that there are not", client: "127.0.19.1", name: "once%d.rate.example.",
		qt: dns.TypeMX, want: "TC, silence",
		bind: "all"}, // each name has a rate of its own there, so that a flood of names is answered
	// Of errors BIND sends none in place of truncated responses; here every second one leaves, so
	// that real clients need not wait for what never comes.
	{what: "errors", client: "127.0.20.1", name: "www.broken.example.", want: "silence"},
	{what: "errors of many names", client: "127.0.21.1", name: "n%d.broken.example.",
		want: "silence"},
	{what: "a connection", client: "127.0.10.1", name: "www.rate.example.", network: "tcp",
		want: "all"},
	{what: "a cookie", client: "127.0.10.1", name: "www.rate.example.", cookie: true, want: "all"},
	{what: "exempt", client: "127.0.9.1", name: "www.rate.example.", want: "all"},
	{what: "slip 1", client: "127.0.11.1", name: "www.rate.example.", want: "TC"},
	{what: "slip 0", client: "127.0.12.1", name: "www.rate.example.", want: "silence"},
	{what: "an address of its own", client: "127.0.13.1", name: "www.rate.example.",
		want: "TC, silence"},
	{what: "two of the address beside it", client: "127.0.13.2", name: "www.rate.example.", size: 2,
		want: "all"},
	{what: "log-only", client: "127.0.14.1", name: "www.rate.example.", want: "all"},
	{what: "no rate of answers", client: "127.0.16.1", name: "www.rate.example.", want: "all"},
	{what: "no rate of answers, but of denials", client: "127.0.16.1", name: "no%d.rate.example.",
		want: "TC, silence"},
}

// TestRatesAreThoseOfBIND floods BIND and Bailiwick.
func TestRatesAreThoseOfBIND(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "named"})
		return
	}
	loopback(t)
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	records := "www A 192.0.2.1\nwww TXT x\n"
	for i := range flooded {
		records += fmt.Sprintf("once%d A 192.0.2.2\n", i)
	}
	w.Add(lab.Zone{Name: "rate.example.", Algorithm: lab.Unsigned, Records: records, Minimum: 600})
	w.Add(lab.Zone{Name: "broken.example.", Algorithm: lab.Unsigned,
		Servers: []lab.ServerFaults{{lab.Lame}}})
	w.Add(lab.Zone{Name: "garden.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.3"})
	root, dir := listen(t, w), folder(t.TempDir())
	dir.write(t, "hints", root.hints())
	dir.limiting(t)
	resolvers := map[string]string{"BIND": bindAddr, "Bailiwick": bailiwickAddr}
	for _, at := range resolvers {
		awaitGarden(t, at)
	}
	for name, at := range resolvers {
		for _, c := range rateCases {
			f := surge{client: c.client, name: c.name, qt: c.qt, at: at}
			f.warm(t, name)
			if c.cookie {
				f.cookie = f.obtain(t)
			}
			got, want := f.over(t, c.network, cmp.Or(c.size, flooded)), c.want
			if name == "BIND" && c.bind != "" {
				want = c.bind
			}
			if got.String() != want {
				t.Errorf("%s: %s: %s, want %s", c.what, name, got, want)
			}
			if more := got.truncated - got.silent; want == "TC, silence" && more*more > 1 {
				t.Errorf("%s: %d truncated and %d silent, want as many", c.what, got.truncated,
					got.silent)
			}
			t.Logf("%s: %s: %d in full, %d truncated, %d silent", c.what, name, got.full,
				got.truncated, got.silent)
		}
		lastsAsLongAs(t, name, at)
	}
}

// lastsAsLongAs has two clients flood, of which one has a window of a second and the other one of a
// minute: when the first is answered again, the second is not.
func lastsAsLongAs(t *testing.T, name, at string) {
	t.Helper()
	short := surge{client: "127.0.15.1", name: "www.rate.example.", at: at}
	long := surge{client: "127.0.22.1", name: "www.rate.example.", at: at}
	for _, f := range []surge{short, long} {
		f.warm(t, name)
		f.over(t, "", flooded)
	}
	for range 10 {
		if short.over(t, "", 1).String() == "all" {
			if got := long.over(t, "", 2).String(); got != "TC, silence" {
				t.Errorf("%s: a window of a minute: %s", name, got)
			}
			return
		}
	}
	t.Errorf("%s: a window of a second does not end", name)
}

// limiting starts both.
func (d folder) limiting(t *testing.T) {
	t.Helper()
	const rates = "responses-per-second 2; nxdomains-per-second 2; nodata-per-second 2; " +
		"errors-per-second 2; window 60; exempt-clients { 127.0.9.0/24; 127.0.0.1; }; "
	hint := "zone \".\" { type hint; file \"hints\"; };\n"
	views, own := "", ""
	for i, v := range rateViews {
		set := rates
		for _, word := range []string{"window", "responses-per-second"} {
			if strings.HasPrefix(v.bind, word) {
				_, rest, _ := strings.Cut(set[strings.Index(set, word):], ";")
				set = set[:strings.Index(set, word)] + rest
			}
		}
		views += fmt.Sprintf("view v%d { match-clients { %s; }; rate-limit { %s %s };\n%s};\n", i,
			v.net, set, v.bind, hint)
		own += fmt.Sprintf("  - {name: v%d, clients: [%s], limits: {%s}}\n", i, v.net, v.own)
	}
	start(t, "named", "-f", "-4", "-n", "1", "-c", d.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on port 5302 { 127.0.0.1; }; listen-on-v6 { none; }; "+
			"recursion yes; pid-file none; session-keyfile none; dnssec-validation no; "+
			"minimal-responses yes; };\ncontrols { };\n%sview all { match-clients { any; }; "+
			"rate-limit { %s };\n%s};\n", string(d), views, rates, hint)))
	start(t, build(t, string(d)), "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q], tcp: [%q]}\nadmin: {listen: \"\"}\ncontrol: {socket: \"\"}\n"+
			"log: {level: error}\nvalidator: {validation: off}\n"+
			"resolver: {ipv6: false, do_not_query_localhost: false, root_hints_file: %q}\n"+
			"limits: {responses: 2, denials: 2, errors: 2, window: 60s, exempt: [127.0.9.0/24]}\n"+
			"views:\n%s", bailiwickAddr, bailiwickAddr, d.path("hints"), own)))
}

// surge is queries of one client.
type surge struct {
	client, name string
	qt           uint16
	at, cookie   string
}

// outcome is how many queries of a flood were answered in full, how many truncated, and how many
// not at all.
type outcome struct{ full, truncated, silent int }

func (o outcome) String() string {
	var seen []string
	if o.truncated > 0 {
		seen = append(seen, "TC")
	}
	if o.silent > 0 {
		seen = append(seen, "silence")
	}
	if len(seen) == 0 {
		return "all"
	}
	return strings.Join(seen, ", ")
}

// query makes the i-th query.
func (f *surge) query(i int) *dns.Msg {
	name := f.name
	if strings.Contains(name, "%d") {
		name = fmt.Sprintf(name, i)
	}
	m := new(dns.Msg).SetQuestion(name, max(f.qt, dns.TypeA))
	m.Id = uint16(i)
	if f.cookie != "" {
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE,
			Cookie: f.cookie}}
	}
	return m
}

// dialed connects from the client's address.
func (f *surge) dialed(t *testing.T, network string) *dns.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(f.client)}}
	if network == "tcp" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(f.client)}
	}
	c, err := d.Dial(network, f.at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &dns.Conn{Conn: c}
}

// warm has all answers in the cache, by a connection, which is not limited.
func (f *surge) warm(t *testing.T, of string) {
	t.Helper()
	if got := f.over(t, "tcp", flooded); got.String() != "all" {
		t.Fatalf("%s: %s: over TCP %+v", of, f.name, got)
	}
}

// obtain gets a server cookie.
func (f *surge) obtain(t *testing.T) string {
	t.Helper()
	c := surge{client: f.client, name: "www.garden.example.", at: f.at, cookie: "0123456789abcdef"}
	d := c.dialed(t, "udp")
	if err := d.WriteMsg(c.query(1)); err != nil {
		t.Fatal(err)
	}
	m, err := response(d.Conn, patience)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range m.IsEdns0().Option {
		if o, ok := o.(*dns.EDNS0_COOKIE); ok && len(o.Cookie) > 16 {
			return o.Cookie
		}
	}
	t.Fatalf("no cookie: %v", m)
	return ""
}

// over sends the queries, and reads responses until none comes any more.
func (f *surge) over(t *testing.T, network string, n int) (o outcome) {
	t.Helper()
	if network == "" {
		network = "udp"
	}
	c := f.dialed(t, network)
	for i := range n {
		if err := c.WriteMsg(f.query(i)); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint16]bool{}
	for len(seen) < n {
		var m *dns.Msg
		var err error
		if network == "tcp" {
			_ = c.SetReadDeadline(time.Now().Add(patience))
			m, err = c.ReadMsg()
		} else {
			m, err = response(c.Conn, 2*time.Second)
		}
		if err != nil {
			break
		}
		seen[m.Id] = true
		if m.Truncated {
			o.truncated++
		} else {
			o.full++
		}
	}
	o.silent = n - len(seen)
	return o
}
