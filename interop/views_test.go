// Views beside those of BIND and Unbound.

package interop

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// viewClients are the clients of the views, and those without one.
var viewClients = map[string]string{"one": "127.0.2.1", "two": "127.0.3.1", "": "127.0.0.1"}

// viewSecret is the secret of the key of each view: one.key., two.key.
const viewSecret = "c2VjcmV0IG9mIHRoZSBrZXkgb2YgYSB2aWV3"

// viewZones are the local zones of each view, with their records.
var viewZones = map[string]map[string][]string{
	"one": {"corp.example.": {"www A 10.0.0.1", "mail TXT one"}},
	"two": {"corp.example.": {"www A 10.0.0.2", "only A 10.0.0.3"},
		"ads.example.": {"ok A 10.0.0.4"}},
}

// viewServers are the servers that each view forwards house.example. to. They answer every question
// for an address with their own, and have nothing else.
var viewServers = map[string]string{"one": "127.9.9.1", "two": "127.9.9.2"}

// viewExceptions are names that a view does not validate.
var viewExceptions = map[string]string{"one": "expired.faulty", "two": "wrong-keys.faulty"}

// serveHouses runs these servers.
func serveHouses(t *testing.T) {
	t.Helper()
	for _, at := range viewServers {
		answer := func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			m.Authoritative, m.RecursionAvailable = true, true
			h := dns.RR_Header{Name: q.Question[0].Name, Class: dns.ClassINET, Ttl: 60}
			switch asked := q.Question[0]; {
			case strings.HasPrefix(strings.ToLower(asked.Name), "no."):
				m.Rcode = dns.RcodeNameError
			case asked.Qtype == dns.TypeA:
				h.Rrtype = dns.TypeA
				m.Answer = []dns.RR{&dns.A{Hdr: h, A: net.ParseIP(at)}}
			}
			if len(m.Answer) == 0 {
				h.Name, h.Rrtype = "house.example.", dns.TypeSOA
				m.Ns = []dns.RR{&dns.SOA{Hdr: h, Ns: "ns.house.example.",
					Mbox: "host.house.example.", Serial: 1, Refresh: 60, Retry: 60, Expire: 60,
					Minttl: 60}}
			}
			_ = w.WriteMsg(m)
		}
		for _, network := range []string{"udp", "tcp"} {
			began := make(chan struct{})
			s := &dns.Server{Addr: at + ":53", Net: network, Handler: dns.HandlerFunc(answer),
				NotifyStartedFunc: func() { close(began) }}
			go func() { _ = s.ListenAndServe() }()
			<-began
			t.Cleanup(func() { _ = s.Shutdown() })
		}
	}
}

// generatedQuestions are random ones about names that views resolve each in their own way: those of
// the forwarded zone and of the Internet's zone of the same name, aliases that lead there, names
// that are not validated, and others.
func generatedQuestions(n int) (list []dns.Question) {
	random := rand.New(rand.NewPCG(17, 17))
	one := func(of []string) string { return of[random.IntN(len(of))] }
	labels := []string{"www.", "a.", "no.", "x.www.", "only.", "b.c.", "", "mail.", "x.no."}
	zones := []string{"house.example.", "house.example.", "sub.house.example.", "alias.example.",
		"tree.alias.example.", "expired.faulty.", "wrong-keys.faulty.", "secure.example.",
		"unsigned.example.", "nsec3.example."}
	types := []uint16{dns.TypeA, dns.TypeTXT, dns.TypeAAAA, dns.TypeMX}
	for range n {
		list = append(list, dns.Question{Name: one(labels) + one(zones),
			Qtype: types[random.IntN(len(types))]})
	}
	return list
}

// bindViews writes the zones of each view for BIND, and its clauses.
func (d folder) bindViews(t *testing.T) string {
	clauses := fmt.Sprintf("key one.key { algorithm hmac-sha256; secret %[1]q; };\n"+
		"key two.key { algorithm hmac-sha256; secret %[1]q; };\n", viewSecret)
	for _, view := range []string{"one", "two", ""} { // the first that matches is used
		zones := ""
		for zone, records := range viewZones[view] {
			file := d.write(t, view+zone+"zone", "$TTL 60\n@ SOA . . 1 60 60 60 60\n@ NS ns\n"+
				"ns A 127.0.0.1\n"+strings.Join(records, "\n")+"\n")
			zones += fmt.Sprintf("zone %q { type primary; file %q; };\n", zone, file)
		}
		match := "any;"
		if view != "" {
			match = fmt.Sprintf("key %s.key; %s;", view, viewClients[view])
			zones += fmt.Sprintf("zone \"house.example\" { type forward; forward only; forwarders "+
				"{ %s; }; };\nvalidate-except { \"house.example\"; %q; };\n", viewServers[view],
				viewExceptions[view])
		}
		clauses += fmt.Sprintf("view \"v%s\" { match-clients { %s }; zone \".\" { type hint; file "+
			"\"hints\"; };\n%s};\n", view, match, zones)
	}
	return clauses
}

// unboundViews are the views for Unbound, and who has them.
func unboundViews() (server, clauses string) {
	for view, zones := range viewZones {
		server += fmt.Sprintf("  access-control-view: %s/32 %q\n", viewClients[view], view)
		clauses += fmt.Sprintf("view:\n  name: %q\n  view-first: yes\n", view)
		for zone, records := range zones {
			clauses += fmt.Sprintf("  local-zone: %q static\n", zone)
			for _, r := range records {
				clauses += fmt.Sprintf("  local-data: %q\n", recordOf(r, zone))
			}
		}
	}
	return server, clauses
}

// ownViews are the views for Bailiwick.
func ownViews() string {
	views := fmt.Sprintf("zones: {tsig_keys: [{name: one.key, secret: %[1]s}, "+
		"{name: two.key, secret: %[1]s}]}\nviews:\n", viewSecret)
	for view, zones := range viewZones {
		var types, data []string
		for zone, records := range zones {
			types = append(types, fmt.Sprintf("{name: %s, type: static}", zone))
			for _, r := range records {
				data = append(data, fmt.Sprintf("%q", recordOf(r, zone)))
			}
		}
		views += fmt.Sprintf("  - {name: %[1]s, tsig_keys: [%[1]s.key], clients: [%[2]s], "+
			"local_zones: [%[3]s], local_records: [%[4]s], forward_zones: [{name: house.example, "+
			"addresses: [%[5]s], insecure: true}], insecure: [%[6]s]}\n", view, viewClients[view],
			strings.Join(types, ", "), strings.Join(data, ", "), viewServers[view],
			viewExceptions[view])
	}
	return views
}

// recordOf is a record with a complete name and a TTL.
func recordOf(record, zone string) string {
	f := strings.Fields(record)
	return f[0] + "." + zone + " 60 " + strings.Join(f[1:], " ")
}

// saidTo is what a resolver answers to a client: its RCODE and the records without their TTLs.
func saidTo(client, at, name string, qt uint16) string {
	return saidSigned("", client, at, name, qt)
}

// saidSigned is saidTo for a question that is signed with a key, if there is one. A response whose
// signature is not right is an error.
func saidSigned(key, client, at, name string, qt uint16) string {
	c := dns.Client{Timeout: 40 * time.Second, Dialer: &net.Dialer{
		LocalAddr: &net.UDPAddr{IP: net.ParseIP(client)}}}
	q := new(dns.Msg).SetQuestion(name, qt)
	if key != "" {
		c.TsigSecret = map[string]string{key: viewSecret}
		q.SetTsig(key, dns.HmacSHA256, 300, time.Now().Unix())
	}
	m, _, err := c.Exchange(q, at)
	if err == nil && key != "" && m.IsTsig() == nil {
		err = dns.ErrNoSig
	}
	if err != nil {
		return err.Error()
	}
	var records []string
	for _, rr := range m.Answer {
		h := rr.Header()
		records = append(records, h.Name+" "+strings.TrimPrefix(rr.String(), h.String()))
	}
	slices.Sort(records)
	return dns.RcodeToString[m.Rcode] + " " + strings.Join(records, "; ")
}

// TestViewsAreThoseOfOthers has three clients, each in another view, ask BIND, Unbound and
// Bailiwick for names that some views have, and that the lab's internet has too.
func TestViewsAreThoseOfOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound", "named", "dig", "kdig"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	for _, zone := range []string{"corp.example.", "ads.example."} {
		w.Add(lab.Zone{Name: zone, Algorithm: lab.Unsigned, Records: "www A 192.0.2.1\n" +
			"only A 192.0.2.2\n@ A 192.0.2.3\nok A 192.0.2.4\nmail TXT public"})
	}
	w.Add(lab.Zone{Name: "house.example.", Algorithm: lab.Unsigned,
		Records: "www A 192.0.2.5\nmail TXT public\n*.sub A 192.0.2.6"})
	w.Add(lab.Zone{Name: "alias.example.", Records: "www CNAME www.house.example.\n" +
		"a CNAME a.house.example.\ntree DNAME house.example."})
	serveHouses(t)
	root, dir := listen(t, w), folder(t.TempDir())
	hints := dir.write(t, "hints", root.hints())
	access, views := unboundViews()
	start(t, "unbound", "-d", "-c", dir.write(t, "unbound.conf", unboundConf(fmt.Sprintf(
		"  interface: 127.0.0.1@5301\n  do-not-query-localhost: no\n  root-hints: %q\n  "+
			"trust-anchor: %q\n%s", hints, root.anchor, access), views)))
	ds := strings.Fields(root.anchor)
	start(t, "named", "-f", "-4", "-n", "1", "-c", dir.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on port 5302 { 127.0.0.1; }; listen-on-v6 { none; }; "+
			"recursion yes; pid-file none; session-keyfile none; dnssec-validation yes; "+
			"empty-zones-enable no; resolver-query-timeout 2000; };\ncontrols { };\n"+
			"trust-anchors { "+
			"\".\" static-ds %s %s %s %q; };\n%s",
		string(dir), ds[len(ds)-4], ds[len(ds)-3], ds[len(ds)-2], ds[len(ds)-1],
		dir.bindViews(t))))
	start(t, build(t, string(dir)), "serve", "--config", dir.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [\"127.0.0.1:5303\"], tcp: [\"127.0.0.1:5303\"]}\nadmin: {listen: \"\"}\n"+
			"control: {socket: %q}\nlog: {level: error}\nresolver: {ipv6: \"false\", "+
			"root_hints_file: %q, do_not_query_localhost: false}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\n%s", dir.path("ctl"), hints,
		root.anchor, ownViews())))
	for _, at := range []string{unboundAddr, bindAddr, bailiwickAddr} {
		await(t, at, "www.secure.example.", dns.TypeA, func(m *dns.Msg) bool {
			return m.AuthenticatedData
		})
	}
	same := 0
	for round := range 3 { // resolved, from the cache, prepared
		for view, client := range viewClients {
			for _, zone := range []string{"corp.example.", "ads.example.", "secure.example."} {
				for _, label := range []string{"www.", "only.", "mail.", "ok.", "no.", "x.www."} {
					for _, qt := range []uint16{dns.TypeA, dns.TypeTXT} {
						name := label + zone
						got := saidTo(client, bailiwickAddr, name, qt)
						unbound, bind := saidTo(client, unboundAddr, name, qt),
							saidTo(client, bindAddr, name, qt)
						if got == unbound && got == bind {
							same++
							continue
						}
						t.Errorf("round %d, view %q: %s %s: %s, Unbound %s, BIND %s", round,
							view, name, dns.TypeToString[qt], got, unbound, bind)
					}
				}
			}
		}
	}
	t.Logf("%d answers are those of both", same)
	// Unbound has neither forward zones nor exceptions of a view.
	var questions []signedQuestion
	for _, q := range generatedQuestions(560) {
		for _, client := range viewClients {
			questions = append(questions, signedQuestion{q, "", client})
		}
	}
	t.Logf("%d answers to generated questions are those of BIND", sameAsBIND(t, questions))
	askSigned(t)
}

// signedQuestion is a question of a client, with the key that it is signed with, if any.
type signedQuestion struct {
	dns.Question
	key, client string
}

// sameAsBIND asks BIND and Bailiwick, and returns how many answers are the same: all have to be.
// BIND takes more than ten seconds for some names two labels below a zone with wrong keys, so many
// wait at once.
func sameAsBIND(t *testing.T, questions []signedQuestion) int {
	t.Helper()
	var wg sync.WaitGroup
	var same atomic.Int64
	work := make(chan signedQuestion)
	for range 16 {
		wg.Go(func() {
			for q := range work {
				got := saidSigned(q.key, q.client, bailiwickAddr, q.Name, q.Qtype)
				bind := saidSigned(q.key, q.client, bindAddr, q.Name, q.Qtype)
				if got != bind {
					t.Errorf("%s %s of %s %s: %s, BIND %s", q.Name, dns.TypeToString[q.Qtype],
						q.client, q.key, got, bind)
					continue
				}
				same.Add(1)
			}
		})
	}
	for _, q := range questions {
		work <- q
	}
	close(work)
	wg.Wait()
	return int(same.Load())
}

// askSigned asks BIND and Bailiwick with the keys of views, from an address that has none.
func askSigned(t *testing.T) {
	t.Helper()
	var questions []signedQuestion
	for _, q := range append(generatedQuestions(200), dns.Question{Name: "www.corp.example.",
		Qtype: dns.TypeA}) {
		for _, key := range []string{"one.key.", "two.key."} {
			questions = append(questions, signedQuestion{q, key, "127.0.0.1"})
		}
	}
	t.Logf("%d answers to signed questions are those of BIND", sameAsBIND(t, questions))
	for _, at := range []string{bindAddr, bailiwickAddr} {
		host, port, _ := net.SplitHostPort(at)
		for _, transport := range []string{"+notcp", "+tcp"} {
			for _, c := range []struct{ key, secret, want string }{
				{"one.key", viewSecret, "10.0.0.1"}, {"two.key", viewSecret, "10.0.0.2"},
				{"one.key", "d3Jvbmc=", "BADSIG"}, {"no.key", viewSecret, "BADKEY"},
			} {
				for _, program := range []string{"dig", "kdig"} {
					out, _ := exec.Command(program, "-y", "hmac-sha256:"+c.key+":"+c.secret,
						"@"+host, "-p", port, transport, "www.corp.example", "A").CombinedOutput()
					text := strings.ToUpper(string(out))
					wrong := strings.Contains(text, "COULDN'T VERIFY") ||
						strings.Contains(text, "TSIG VERIFY FAILURE") ||
						strings.Contains(text, "TSIG VERIFICATION FAIL")
					if want := strings.HasPrefix(c.want, "BAD"); !strings.Contains(text, c.want) ||
						wrong && !want {
						t.Errorf("%s %s of %s with %s, want %s:\n%s", program, transport, at, c.key,
							c.want, out)
					}
				}
			}
		}
	}
}
