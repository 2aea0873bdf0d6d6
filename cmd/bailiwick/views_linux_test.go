// Views: other policies for some of the clients, from the configuration to the answer.

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/console"
	"bailiwick/internal/localdata"
	"bailiwick/transport"
)

// askAs asks from an address of this machine, and returns the RCODE and the addresses.
func (s *reloaded) askAs(client, at, name string) string {
	s.t.Helper()
	c := dns.Client{Timeout: patience, Dialer: &net.Dialer{
		LocalAddr: &net.UDPAddr{IP: net.ParseIP(client)}}}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), at)
	if err != nil {
		s.t.Fatal(err)
	}
	text := dns.RcodeToString[m.Rcode]
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			text += " " + a.A.String()
		}
	}
	return text
}

// says checks what clients get: "client name": answer.
func (s *reloaded) says(what string, want map[string]string) {
	s.t.Helper()
	for range 3 { // resolved, from the cache, prepared
		for question, answer := range want {
			f := strings.Fields(question)
			if got := s.askAs(f[0], s.udp, f[1]); got != answer {
				s.t.Errorf("%s: %s: %s, want %s", what, question, got, answer)
			}
		}
	}
}

const (
	office, kids, others = "127.0.2.1", "127.0.3.1", "127.0.0.1"
	public               = "NOERROR 192.0.2.1"
)

const viewsText = plain + `
policy:
  local_records: ["printer.corp.example A 10.0.0.1"]
  block_lists: [{file: ads.txt}]
views:
  - name: office
    clients: [127.0.2.0/24]
    local_records: ["www.secure.example A 10.0.0.2"]
  - name: kids
    clients: [127.0.3.0/24]
    block_lists: [{file: games.txt, action: nodata}]
    special_names: off
`

// newViews is a server with two views.
func newViews(t *testing.T) *reloaded {
	t.Helper()
	s := reloadable(t, plain)
	for file, text := range map[string]string{"ads.txt": "txt.secure.example\n",
		"games.txt": "www.secure.example\n"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), file), []byte(text),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.change(viewsText)
	return s
}

// Each client gets the answers of its view: what the view gives stands in place of what holds for
// all others, and the rest is as for these. A reload has views begin and end at once.
func TestViewsAnswerTheirClients(t *testing.T) {
	s := newViews(t)
	s.says("at first", map[string]string{
		office + " www.secure.example.":     "NOERROR 10.0.0.2",
		office + " printer.corp.example.":   "NXDOMAIN",
		office + " txt.secure.example.":     "NXDOMAIN", // blocked as for all
		kids + " www.secure.example.":       "NOERROR",  // blocked: without data
		kids + " printer.corp.example.":     "NOERROR 10.0.0.1",
		others + " www.secure.example.":     public,
		others + " printer.corp.example.":   "NOERROR 10.0.0.1",
		others + " txt.secure.example.":     "NXDOMAIN",
		others + " www.unsigned.example.":   "NOERROR 192.0.2.1",
		office + " www.unsigned.example.":   "NOERROR 192.0.2.1",
		others + " localhost.":              "NOERROR 127.0.0.1",
		kids + " localhost.":                "NXDOMAIN", // what the root says
		"127.0.4.1" + " localhost.":         "NOERROR 127.0.0.1",
		"127.0.4.1 printer.corp.example.":   "NOERROR 10.0.0.1",
		"127.0.3.200 www.secure.example.":   "NOERROR",
		"127.0.2.200 www.secure.example.":   "NOERROR 10.0.0.2",
		"127.0.2.200 printer.corp.example.": "NXDOMAIN",
	})
	s.change(strings.ReplaceAll(viewsText, "127.0.3.0/24", "127.0.5.0/24"))
	s.says("after a change of a view's clients", map[string]string{
		kids + " www.secure.example.":   public,
		"127.0.5.1 www.secure.example.": "NOERROR",
		office + " www.secure.example.": "NOERROR 10.0.0.2",
	})
	s.change(plain)
	s.says("without views", map[string]string{kids + " www.secure.example.": public,
		office + " www.secure.example.": public, others + " www.secure.example.": public})
}

// What is wrong in a view refuses the reload whole, where it stands, and all views stay.
func TestViewsAreReplacedWholeOrNotAtAll(t *testing.T) {
	s := newViews(t)
	s.write(strings.ReplaceAll(viewsText, "games.txt", "none.txt"))
	if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), "yaml:12:") ||
		!strings.Contains(err.Error(), "none.txt") {
		t.Errorf("a list that there is not: %v", err)
	}
	s.write(strings.ReplaceAll(viewsText, "www.secure.example A 10.0.0.2", "www A 10.0.0"))
	if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), "yaml:9:") {
		t.Errorf("what is not a record: %v", err)
	}
	s.says("after refused reloads", map[string]string{
		office + " www.secure.example.": "NOERROR 10.0.0.2",
		kids + " www.secure.example.":   "NOERROR", others + " www.secure.example.": public})
}

// Who signs has the view of the key, whatever its address; others have that of their address.
func TestViewsOfKeys(t *testing.T) {
	const secret = "c2VjcmV0IG9mIHRoZSBrZXk="
	s := reloadable(t, plain+`
zones: {tsig_keys: [{name: staff.key, secret: `+secret+`}, {name: odd.key, secret: `+secret+`}]}
views:
  - {name: staff, tsig_keys: [staff.key], local_records: [wiki.corp. A 10.0.0.9]}
  - {name: kids, tsig_keys: [odd.key], clients: ["`+kids+`/32"],
     local_records: [wiki.corp. A 10.0.0.7]}
`)
	for range 3 {
		for key, want := range map[string]string{"staff.key.": "NOERROR 10.0.0.9",
			"odd.key.": "NOERROR 10.0.0.7", "other.key.": "NOTAUTH"} {
			c := dns.Client{TsigSecret: map[string]string{key: secret}, Timeout: patience}
			q := new(dns.Msg).SetQuestion("wiki.corp.", dns.TypeA)
			q.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
			m, _, err := c.Exchange(q, s.udp) // it verifies the response
			if m == nil || err != nil && want != "NOTAUTH" {
				t.Fatal(key, err)
			}
			got := dns.RcodeToString[m.Rcode]
			if len(m.Answer) == 1 {
				got += " " + m.Answer[0].(*dns.A).A.String()
			}
			if got != want {
				t.Errorf("%s: %s, want %s", key, got, want)
			}
		}
		s.says("without a key", map[string]string{others + " wiki.corp.": "NXDOMAIN",
			kids + " wiki.corp.": "NOERROR 10.0.0.7"})
	}
	list, err := s.ctl("views")
	if text := fmt.Sprint(list.Rows); err != nil || !strings.Contains(text, "staff.key.") {
		t.Errorf("%s %v", text, err)
	}
	// What who signs gets is told before anybody signs.
	for _, c := range []struct{ client, key, view, outcome string }{
		{others, "", "default", "resolved"}, {others, "staff.key", "staff", "data"},
		{"", "staff.key.", "staff", "data"}, {kids, "", "kids", "data"},
		{kids, "staff.key", "staff", "data"}, {others, "other.key", "", ""}} {
		r, err := s.policyTest(requestOf(map[string]string{"name": "wiki.corp.", "type": "A",
			"client": c.client, "key": c.key}))
		if (err == nil) != (c.view != "") || err == nil && (r.Fields["view"] != c.view ||
			r.Fields["outcome"] != c.outcome) {
			t.Errorf("%+v: %v, %v", c, r.Fields, err)
		}
	}
	// The type may be left out.
	r, err := s.policyTest(requestOf(map[string]string{"name": "wiki.corp.", "type": kids}))
	if err != nil || r.Fields["view"] != "kids" {
		t.Errorf("without a type: %v, %v", r.Fields, err)
	}
}

// A listener can have a view, for all its clients or for some; one that names the listener comes
// before one that is for all.
func TestViewsOfListeners(t *testing.T) {
	s := reloadable(t, plain)
	second := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s.change(fmt.Sprintf(`listen: {udp: [UDP, %q], tcp: [UDP]}
views:
  - {name: second, listeners: [%q], local_records: ["v.example A 10.0.0.1"]}
  - {name: office, clients: [127.0.2.0/24], local_records: ["v.example A 10.0.0.2"]}
  - {name: office-second, clients: [127.0.2.0/24], listeners: [%q],
     local_records: ["v.example A 10.0.0.3"]}
`, second, second, second))
	for question, want := range map[string]string{others + " " + s.udp: "NXDOMAIN",
		others + " " + second: "NOERROR 10.0.0.1", office + " " + s.udp: "NOERROR 10.0.0.2",
		office + " " + second: "NOERROR 10.0.0.3"} {
		f := strings.Fields(question)
		if got := s.askAs(f[0], f[1], "v.example."); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
}

// Views whose policies give the same answers share prepared ones; what views have in common is
// loaded once, and data of the Internet are fetched once for all.
func TestViewsShareWhatIsEqual(t *testing.T) {
	up := &countedExchanger{}
	s := reloadableOver(t, plain, func(w transport.Exchanger) transport.Exchanger {
		up.Exchanger = w
		return up
	})
	write := func(file, text string) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), file), []byte(text),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ads.txt", "ads.example\nmore.example\n")
	s.change(plain + `
policy: {block_lists: [{file: ads.txt}]}
views:
  - {name: a, clients: [127.0.2.0/24], limits: {queries_per_address: 1000}}
  - {name: b, clients: [127.0.3.0/24], local_records: ["www.corp.example A 10.0.0.1"]}
  - {name: c, clients: [127.0.4.0/24], local_records: ["www.corp.example A 10.0.0.1"]}
  - {name: d, clients: [127.0.5.0/24], private_addresses: [10.0.0.0/8]}
`)
	p := s.now().Policies
	var classes []int
	for _, v := range p {
		classes = append(classes, v.Class)
	}
	if got := fmt.Sprint(classes); got != "[0 0 2 2 4]" {
		t.Errorf("classes %s", got)
	}
	if p[0].Local != p[1].Local || p[2].Local != p[3].Local || p[0].Local != p[4].Local ||
		s.now().Blocked != 2 || s.now().Records != 1 {
		t.Errorf("%d blocked names and %d records are loaded", s.now().Blocked, s.now().Records)
	}
	for _, client := range []string{others, office, kids, "127.0.4.1", "127.0.5.1"} {
		if got := s.askAs(client, s.udp, "ads.example."); got != "NXDOMAIN" {
			t.Errorf("%s: a list that all share: %s", client, got)
		}
		if got := s.askAs(client, s.udp, "www.secure.example."); got != public {
			t.Errorf("%s: %s", client, got)
		}
	}
	sent := up.n.Load()
	for _, client := range []string{office, kids, others} {
		s.askAs(client, s.udp, "www.secure.example.")
	}
	if up.n.Load() != sent {
		t.Error("a view's clients have data fetched that are known")
	}
}

// The operator sees whom a client is taken for and what it gets, and how often each view is asked.
func TestViewsAreShown(t *testing.T) {
	s := newViews(t)
	s.askAs(kids, s.udp, "www.secure.example.")
	s.askAs(kids, s.udp, "www.secure.example.")
	ask := func(args ...string) map[string]any {
		q := console.Request{Args: map[string]string{}}
		for i := 0; i < len(args); i += 2 {
			q.Args[args[i]] = args[i+1]
		}
		r, err := s.policyTest(q)
		if err != nil {
			return map[string]any{"error": err.Error()}
		}
		return r.Fields
	}
	for _, c := range []struct {
		args []string
		want map[string]any
	}{
		{[]string{"name", "www.secure.example"}, map[string]any{"outcome": "resolved"}},
		{[]string{"name", "www.secure.example", "client", office},
			map[string]any{"outcome": "data", "view": "office", "access": "allow"}},
		{[]string{"name", "www.secure.example", "client", kids},
			map[string]any{"outcome": "nodata", "view": "kids", "cause": "blocked"}},
		{[]string{"name", "localhost", "client", kids}, map[string]any{"outcome": "resolved"}},
		{[]string{"name", "localhost", "client", others},
			map[string]any{"outcome": "data", "view": "default", "source": "special"}},
		{[]string{"name", "a.example", "client", "192.0.2.1"},
			map[string]any{"access": "refuse", "outcome": "refused", "view": "default"}},
		{[]string{"name", "a.example", "client", "nobody"},
			map[string]any{"error": `"nobody" is not an IP address`}},
		{[]string{"name", "a.example", "client", kids, "listener", "192.0.2.1:53"},
			map[string]any{"error": `nothing listens at "192.0.2.1:53"`}},
	} {
		got := ask(c.args...)
		for k, v := range c.want {
			if got[k] != v {
				t.Errorf("%v: %s is %v, want %v", c.args, k, got[k], v)
			}
		}
	}
	r, err := s.listViews(console.Request{})
	if err != nil || len(r.Rows) != 3 {
		t.Fatalf("%v %v", r, err)
	}
	if row := fmt.Sprint(r.Rows[2]); row != "[kids 127.0.3.0/24 all  2 2 as all]" {
		t.Errorf("kids: %s", row)
	}
	s.change(plain)
	if r, err = s.listViews(console.Request{}); err != nil || r.Fields["note"] == nil {
		t.Errorf("without views: %v %v", r, err)
	}
}

// A view has limits of its own, and the rest of them as for all others.
func TestViewsHaveLimitsOfTheirOwn(t *testing.T) {
	s := reloadable(t, plain)
	s.change(plain + `
limits: {slip: 1}
views:
  - {name: guests, clients: [127.0.3.0/24], limits: {queries_per_prefix: 2, burst: 60s}}
`)
	truncated := func(client string) (n int) {
		c := dns.Client{Timeout: patience, Dialer: &net.Dialer{
			LocalAddr: &net.UDPAddr{IP: net.ParseIP(client)}}}
		for range 200 {
			m, _, err := c.Exchange(new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA),
				s.udp)
			if err != nil {
				t.Fatal(err)
			}
			if m.Truncated {
				n++
			}
		}
		return n
	}
	if n := truncated(kids); n == 0 || n > 80 {
		t.Errorf("%d of 200 queries of a guest are limited, of which 120 may be saved up", n)
	}
	if n := truncated(office); n != 0 {
		t.Errorf("%d queries of others are limited", n)
	}
}

// countedExchanger counts the queries upstream.
type countedExchanger struct {
	transport.Exchanger
	n atomic.Int64
}

func (c *countedExchanger) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	c.n.Add(1)
	return c.Exchanger.Exchange(ctx, r)
}

// What went wrong elsewhere with views, by public reports.
func TestViewsReports(t *testing.T) {
	types := ""
	for _, name := range localdata.TypeNames() {
		types += fmt.Sprintf("{name: %s.example, type: %s}, ", name, name)
	}
	for _, c := range []struct {
		situation, reference, policy, views string
		want                                map[string]string
	}{
		{situation: "a view without any data was not used, and its clients saw the data of others",
			reference: "NLnetLabs/unbound #1083",
			policy:    `{local_records: ["v.example A 10.0.0.1"]}`,
			views:     "{name: empty, clients: [127.0.2.0/24], local_records: []}",
			want: map[string]string{office + " v.example.": "NXDOMAIN",
				others + " v.example.": "NOERROR 10.0.0.1"}},
		{situation: "networks shorter than /8 had no view", reference: "NLnetLabs/unbound #922",
			policy: "{}", views: `{name: all, clients: [0.0.0.0/0], local_records: ["v.example A ` +
				`10.0.0.1"]}, {name: half, clients: [126.0.0.0/7], local_records: ["v.example A ` +
				`10.0.0.2"]}`,
			want: map[string]string{others + " v.example.": "NOERROR 10.0.0.2"}},
		{situation: "of networks in each other the first was used, or either",
			reference: "pi-hole/FTL #753", policy: "{}",
			views: `{name: wide, clients: [127.0.0.0/8], local_records: ["v.example A ` +
				`10.0.0.1"]}, {name: one, clients: [127.0.2.1], local_records: ["v.example A ` +
				`10.0.0.3"]}, ` +
				`{name: narrow, clients: [127.0.2.0/24], local_records: ["v.example A 10.0.0.2"]}`,
			want: map[string]string{others + " v.example.": "NOERROR 10.0.0.1",
				office + " v.example.":   "NOERROR 10.0.0.3",
				"127.0.2.2 v.example.":   "NOERROR 10.0.0.2",
				"127.0.2.255 v.example.": "NOERROR 10.0.0.2"}},
		{situation: "some types of local zones were not known in views",
			reference: "NLnetLabs/unbound #474", policy: "{}",
			views: "{name: typed, clients: [127.0.2.0/24], local_zones: [" + types + "]}",
			want: map[string]string{office + " x.nxdomain.example.": "NXDOMAIN",
				office + " x.refuse.example.": "REFUSED",
				office + " x.static.example.": "NXDOMAIN"}},
		{situation: "lists for some clients blocked all", reference: "NLnetLabs/unbound #1095",
			policy: "{}",
			views:  "{name: kids, clients: [127.0.3.0/24], block_lists: [blocked.txt]}",
			want: map[string]string{kids + " www.secure.example.": "NXDOMAIN",
				others + " www.secure.example.": public}},
		{situation: "a view for everybody that stood first had all clients",
			reference: "thias/puppet-bind #70", policy: "{}",
			views: `{name: all, clients: [0.0.0.0/0, "::/0"], local_records: ["v.example A ` +
				`10.0.0.1"]}, {name: trusted, clients: [127.0.2.0/24], local_records: ` +
				`["v.example A 10.0.0.2"]}`,
			want: map[string]string{office + " v.example.": "NOERROR 10.0.0.2",
				others + " v.example.": "NOERROR 10.0.0.1"}},
		{situation: "a zone had to be copied as a whole to give some clients one record of it",
			reference: "PowerDNS/pdns #17279", policy: "{}",
			views: `{name: in, clients: [127.0.2.0/24], local_records: ["own.secure.example A ` +
				`10.0.0.1"]}`,
			want: map[string]string{office + " own.secure.example.": "NOERROR 10.0.0.1",
				office + " www.secure.example.": public, office + " no.secure.example.": "NXDOMAIN",
				others + " own.secure.example.": "NXDOMAIN"}},
		{situation: "an alias for some clients, whose end is the Internet's, was the wrong one's",
			reference: "coredns/coredns #6641", policy: "{}",
			views: `{name: a, clients: [127.0.2.0/24], local_records: ["v.example CNAME ` +
				`www.secure.example."]}, {name: b, clients: [127.0.3.0/24], local_records: ` +
				`["v.example A 10.0.0.2"]}`,
			want: map[string]string{office + " v.example.": public,
				kids + " v.example.": "NOERROR 10.0.0.2", others + " v.example.": "NXDOMAIN"}},
		{situation: "an answer for one view was served from the cache to another",
			reference: "PowerDNS/pdns #16803, #17532", policy: "{}",
			views: `{name: a, clients: [127.0.2.0/24], local_records: ["www.secure.example A ` +
				`10.0.0.1"]}, {name: b, clients: [127.0.3.0/24], local_records: ` +
				`["www.secure.example A 10.0.0.2"]}`,
			want: map[string]string{office + " www.secure.example.": "NOERROR 10.0.0.1",
				kids + " www.secure.example.":   "NOERROR 10.0.0.2",
				others + " www.secure.example.": public}},
		{situation: "each client has its own mixture of what is blocked, redirected and let be",
			reference: "NLnetLabs/unbound #1208",
			policy: `{local_records: ["one.example A 10.0.0.1", "two.example A 10.0.0.1", ` +
				`"three.example A 10.0.0.1"]}`,
			views: `{name: a, clients: [127.0.2.1], local_records: ["one.example A 10.0.0.2", ` +
				`"two.example A 10.0.0.1"], local_zones: [{name: three.example, type: refuse}]}, ` +
				`{name: b, clients: [127.0.3.1], local_records: ["one.example A 10.0.0.3", ` +
				`"www.secure.example A 10.0.0.4"]}`,
			want: map[string]string{others + " one.example.": "NOERROR 10.0.0.1",
				office + " one.example.": "NOERROR 10.0.0.2",
				office + " two.example.": "NOERROR 10.0.0.1", office + " three.example.": "REFUSED",
				office + " www.secure.example.": public, kids + " one.example.": "NOERROR 10.0.0.3",
				kids + " two.example.":        "NXDOMAIN",
				kids + " www.secure.example.": "NOERROR 10.0.0.4"}},
		{situation: "a limit for some clients kept them from the data that are theirs",
			reference: "PowerDNS/pdns #3638", policy: "{}",
			views: `{name: a, clients: [127.0.2.0/24], limits: {queries_per_address: 1000}, ` +
				`local_records: ["v.example A 10.0.0.1"]}`,
			want: map[string]string{office + " v.example.": "NOERROR 10.0.0.1",
				others + " v.example.": "NXDOMAIN"}},
		{situation: "what a client that may not ask was told was cached for those that may",
			reference: "PowerDNS/pdns #2380",
			policy:    "{access: [127.0.3.0/24 refuse, 127.0.4.0/24 snoop]}",
			views:     "{name: kids, clients: [127.0.3.0/24]}",
			want: map[string]string{kids + " www.secure.example.": "REFUSED",
				"127.0.4.1 www.secure.example.":   public,
				others + " www.secure.example.":   public,
				others + " www.unsigned.example.": public}},
		{situation: "a server refused to start unless the view of all others stood last",
			reference: "coredns/coredns #7733", policy: "{}",
			views: `{name: rest, clients: [127.0.0.0/8], local_records: ["v.example A ` +
				`10.0.0.1"]}, {name: two, clients: [127.0.2.0/24], local_records: ` +
				`["v.example A 10.0.0.2"]}, {name: three, clients: [127.0.3.1]}`,
			want: map[string]string{others + " v.example.": "NOERROR 10.0.0.1",
				office + " v.example.": "NOERROR 10.0.0.2", kids + " v.example.": "NXDOMAIN"}},
	} {
		t.Run(c.reference, func(t *testing.T) {
			s := reloadable(t, plain)
			if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), "blocked.txt"),
				[]byte("secure.example\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s.change(plain + "policy: " + c.policy + "\nviews: [" + c.views + "]\n")
			s.says(c.situation, c.want)
		})
	}
}

// A view for a listener at the wildcard address was ignored elsewhere (NLnetLabs/unbound #897):
// here it is for all who ask at that port, whatever address they ask, and for no others.
func TestViewsReportWildcardListener(t *testing.T) {
	s := reloadable(t, plain)
	port := freePort(t)
	s.change(fmt.Sprintf("listen: {udp: [UDP, \"0.0.0.0:%d\"], tcp: [UDP]}\n"+
		"views: [{name: own, listeners: [\"0.0.0.0:%[1]d\"], "+
		"local_records: [\"v.example A 10.0.0.1\"]}]\n", port))
	for _, at := range []string{"127.0.0.1", "127.0.3.1"} {
		got := s.askAs(office, fmt.Sprintf("%s:%d", at, port), "v.example.")
		if got != "NOERROR 10.0.0.1" {
			t.Errorf("at %s: %s", at, got)
		}
	}
	s.says("at the other listener", map[string]string{office + " v.example.": "NXDOMAIN"})
}

// A client with addresses of both families has one view. Elsewhere it had that of its IPv4 address
// alone, so that what was blocked by one was open by the other (pi-hole/FTL #2390, pi-hole/pi-hole
// #6111, AdguardTeam/AdGuardHome #6343), and no network of IPv6 could be written at all
// (coredns/coredns #7354). Which family the records are of does not matter.
func TestViewsReportBothFamilies(t *testing.T) {
	s := reloadable(t, plain)
	six := fmt.Sprintf("[::1]:%d", freePort(t))
	text := `listen: {udp: [UDP, "SIX"], tcp: [UDP]}
views:
  - {name: home, clients: ["::1/128", 127.0.2.0/24],
     local_records: ["v.example A 10.0.0.1", "v.example AAAA fe80::7777"]}
  - {name: wide, clients: ["::/0"], local_records: [v.example A 10.0.0.2]}
`
	s.change(strings.ReplaceAll(text, "SIX", six))
	for _, c := range []struct{ client, at string }{{"::1", six}, {office, s.udp}} {
		if got := s.askAs(c.client, c.at, "v.example."); got != "NOERROR 10.0.0.1" {
			t.Errorf("%s: %s", c.client, got)
		}
		m, err := dns.Exchange(new(dns.Msg).SetQuestion("v.example.", dns.TypeAAAA), c.at)
		if c.at == six && (err != nil || len(m.Answer) != 1) {
			t.Errorf("%s: AAAA: %v, %v", c.client, m, err)
		}
	}
	s.says("a client of neither", map[string]string{others + " v.example.": "NXDOMAIN"})
	s.write(strings.ReplaceAll(strings.ReplaceAll(text, "SIX", six), "::1/128", "[::1]/128"))
	if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), "[::1]/128") {
		t.Errorf("a network in brackets: %v", err)
	}
}

// Listeners have lists of their own, of which each blocks at its own alone. Elsewhere those of the
// first were for all, and then none (NLnetLabs/unbound #1102). A view for an address at which
// nobody listens by itself would never be used, and was not elsewhere without a word
// (coredns/coredns #8497): it is refused.
func TestViewsReportListsOfListeners(t *testing.T) {
	s := reloadable(t, plain)
	for _, list := range []string{"malware", "social"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), list), []byte(list+".example\n"),
			0o600); err != nil {
			t.Fatal(err)
		}
	}
	one, two := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	text := fmt.Sprintf(`listen: {udp: [UDP, %q, %q], tcp: [UDP]}
policy: {local_records: [malware.example A 10.0.0.1, social.example A 10.0.0.1]}
views:
  - {name: one, listeners: [%q], local_records: [], block_lists: [{file: malware, action: refuse}]}
  - {name: two, listeners: [%q], local_records: [], block_lists: [{file: social, action: refuse}]}
`, one, two, one, two)
	s.change(text)
	for range 3 {
		for at, want := range map[string][2]string{one: {"REFUSED", "NXDOMAIN"},
			two: {"NXDOMAIN", "REFUSED"}, s.udp: {"NOERROR 10.0.0.1", "NOERROR 10.0.0.1"}} {
			got := [2]string{s.askAs(others, at, "malware.example."),
				s.askAs(others, at, "social.example.")}
			if got != want {
				t.Errorf("at %s: %v, want %v", at, got, want)
			}
		}
	}
	s.write(strings.Replace(text, fmt.Sprintf("listeners: [%q", one),
		"listeners: [\"127.0.0.9:53\"", 1))
	if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), "127.0.0.9:53") {
		t.Errorf("a listener that there is not: %v", err)
	}
}

// Many views with lists in many combinations: each client has those of its network, which elsewhere
// some hundred networks of a VPN had not (pi-hole/pi-hole #5351).
func TestViewsReportManyNetworks(t *testing.T) {
	s := reloadable(t, plain)
	const kinds = 6
	var views strings.Builder
	for i := range kinds {
		if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), fmt.Sprintf("kind%d", i)),
			[]byte(fmt.Sprintf("kind%d.example\n", i)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 1 << kinds {
		var lists []string
		for i := range kinds {
			if n>>i&1 == 1 {
				lists = append(lists, fmt.Sprintf("{file: kind%d, action: refuse}", i))
			}
		}
		fmt.Fprintf(&views, "  - {name: v%d, clients: [127.80.%d.0/22], block_lists: [%s]}\n", n,
			n*4, strings.Join(lists, ", "))
	}
	s.change(plain + "views:\n" + views.String())
	for range 2 {
		for n := 0; n < 1<<kinds; n += 7 {
			for i := range kinds {
				want := "NXDOMAIN"
				if n>>i&1 == 1 {
					want = "REFUSED"
				}
				client := fmt.Sprintf("127.80.%d.255", n*4+3)
				if got := s.askAs(client, s.udp, fmt.Sprintf("kind%d.example.", i)); got != want {
					t.Errorf("view %d, kind %d: %s, want %s", n, i, got, want)
				}
			}
		}
	}
}

// A machine asks itself at the addresses that it listens at whether it answers: that is not limited
// with the others of its network, or they could have it restarted.
func TestViewsDoNotLimitThisMachine(t *testing.T) {
	s := reloadable(t, plain)
	second := fmt.Sprintf("127.0.3.1:%d", freePort(t))
	s.change(fmt.Sprintf("listen: {udp: [UDP, %q], tcp: [UDP]}\n"+
		"limits: {queries_per_prefix: 1, slip: 0}\n", second))
	for range 20 {
		for _, client := range []string{others, "127.0.3.1"} {
			if got := s.askAs(client, second, "www.secure.example."); got != public {
				t.Fatalf("%s: %s", client, got)
			}
		}
	}
}
