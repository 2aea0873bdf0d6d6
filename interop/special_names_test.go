// Special names beside Unbound, BIND, Knot Resolver and PowerDNS Recursor, each as it is without
// any setting about them.

package interop

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// The zones of special names: those that the root denies, and those below arpa, which it delegates
// without DS records or not at all.
var (
	deniedNames = []string{"test.", "invalid.", "local.", "onion.", "alt.", "internal."}
	arpaNames   = []string{"home.arpa.", "service.arpa.", "ipv4only.arpa.", "10.in-addr.arpa.",
		"64.100.in-addr.arpa.", "127.in-addr.arpa.", "168.192.in-addr.arpa.", "d.f.ip6.arpa.",
		"8.b.d.0.1.0.0.2.ip6.arpa."}
	delegatedNames = []string{"home.arpa.", "service.arpa.", "10.in-addr.arpa.",
		"127.in-addr.arpa.", "64.100.in-addr.arpa.", "d.f.ip6.arpa."}
)

// specialWorld is an Internet whose servers of special zones say what nobody should hear.
func specialWorld() *lab.World {
	w := lab.NewIn(time.Now(), labNetwork)
	w.Add(lab.Zone{Name: "example."})
	for _, zone := range []string{"arpa.", "in-addr.arpa.", "ip6.arpa."} {
		w.Add(lab.Zone{Name: zone})
	}
	for _, zone := range delegatedNames {
		w.Add(lab.Zone{Name: zone, Algorithm: lab.Unsigned, Records: "x TXT leaked;;x PTR leaked"})
	}
	w.Add(lab.Zone{Name: "ipv4only.arpa.", Algorithm: lab.Unsigned,
		Records: "@ A 192.0.0.170;;@ A 192.0.0.171"})
	return w
}

// specialNeeds is what a question about a special name is to be answered: the RCODE and data, AD,
// and the owner of the SOA record.
func specialNeeds(m *dns.Msg) string {
	q, do := m.Question[0], m.IsEdns0().Do()
	zone := q.Name
	if !slices.Contains(deniedNames, zone) && !slices.Contains(arpaNames, zone) {
		zone = zone[2:] // the name is x.ZONE
	}
	switch {
	case slices.Contains(deniedNames, zone) && do: // RFC 8806 and others: the root's proof
		return "NXDOMAIN AD=true  ."
	case slices.Contains(deniedNames, zone):
		return "NXDOMAIN AD=false  " + zone
	case zone != q.Name:
		return "NXDOMAIN AD=false  " + zone
	case q.Qtype == dns.TypeDS: // RFC 6303, section 7: the parent's proof that it is not signed
		parent := zone[strings.LastIndex(strings.TrimSuffix(zone, ".arpa."), ".")+1:]
		if slices.Contains([]string{"home.arpa.", "service.arpa.", "ipv4only.arpa."}, zone) {
			parent = "arpa."
		}
		rc := "NXDOMAIN"
		if slices.Contains(delegatedNames, zone) || zone == "ipv4only.arpa." {
			rc = "NOERROR"
		}
		return rc + " AD=true  " + parent
	case zone == "ipv4only.arpa." && q.Qtype == dns.TypeA:
		return "NOERROR AD=false ipv4only.arpa. 0 in a 192.0.0.170 | " +
			"ipv4only.arpa. 0 in a 192.0.0.171 "
	}
	return "NOERROR AD=false  " + zone
}

// specialSaid is what a resolver answers.
func specialSaid(at string, m *dns.Msg) (answer string, authoritative bool) {
	r := patiently(&dns.Client{}, m, at)
	if r == nil {
		return "no answer", false
	}
	owner := ""
	for _, rr := range r.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			owner = strings.ToLower(rr.Header().Name)
		}
	}
	answer = strings.Join(strings.Fields(verdict(r)), " ")
	rc, rest, _ := strings.Cut(answer, " ")
	ad, data, _ := strings.Cut(rest, " ")
	return fmt.Sprintf("%s %s %s %s", rc, ad, data, owner), r.Authoritative
}

// specialReason says why another resolver may have another RCODE or other data than we have, ""
// if nothing does.
func specialReason(peer string, q dns.Question) string {
	own := slices.Contains(arpaNames, q.Name)
	switch {
	case q.Name == "x.service.arpa.": // RFC 9665 is younger than these versions
		return "does not know service.arpa, and asks the Internet"
	case peer == "Unbound" && slices.Contains(deniedNames, q.Name):
		return "has records at the name itself, which RFC 7686 and RFC 6762 have not exist"
	case peer == "Knot Resolver" && own:
		return "denies the zone's own name and its DS, so that validators behind it believe nothing"
	case peer == "PowerDNS":
		for _, known := range []string{"10.in-addr.arpa.", "168.192.in-addr.arpa.",
			"127.in-addr.arpa."} {
			if dns.IsSubDomain(known, q.Name) {
				return ""
			}
		}
		return "knows none but those of RFC 1918 and loopback, and asks the Internet"
	}
	return ""
}

// TestSpecialNamesBesideOthers asks for special names and names below them. Each of our answers is
// that of the RFCs; each of the others is the same but for AD, AA and SOA, or has a reason. AA and
// SOA are those of a zone that is served there: we set no AA, as PowerDNS does not.
func TestSpecialNamesBesideOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, peerPrograms)
		return
	}
	addNetwork(t)
	root, dir := listen(t, specialWorld()), folder(t.TempDir())
	dir.startPeersWith(t, root, "", "empty-zones-enable yes; ")
	zones := append(slices.Clone(deniedNames), arpaNames...)
	asked, counts := 0, map[string]int{}
	for _, zone := range zones {
		for _, name := range []string{zone, "x." + zone} {
			for _, typ := range []uint16{dns.TypeA, dns.TypePTR, dns.TypeTXT, dns.TypeDS,
				dns.TypeMX} {
				for _, do := range []bool{false, true} {
					m := new(dns.Msg).SetQuestion(name, typ)
					m.SetEdns0(1232, do)
					m.AuthenticatedData = true
					besideSpecial(t, m, counts)
					asked++
				}
			}
		}
	}
	t.Logf("%d questions, each answered as the RFCs have it", asked)
	for why, n := range counts {
		t.Logf("%d: %s", n, why)
	}
	t.Run("ordinary", func(t *testing.T) { ordinarySpecial(t, root, zones) })
}

// besideSpecial puts a question to all.
func besideSpecial(t *testing.T, m *dns.Msg, counts map[string]int) {
	t.Helper()
	q := m.Question[0]
	what := fmt.Sprintf("%s %s DO=%t", q.Name, dns.TypeToString[q.Qtype], m.IsEdns0().Do())
	need := specialNeeds(m)
	got, aa := specialSaid(peers[0].at, m)
	if got != need || aa {
		t.Errorf("%s: %q, AA %t, want %q", what, got, aa, need)
	}
	for _, p := range peers[1:] {
		theirs, _ := specialSaid(p.at, m)
		if alike(theirs) == alike(got) {
			counts[p.name+": the same"]++
			continue
		}
		why := specialReason(p.name, q)
		if why == "" {
			t.Errorf("%s: %q, %s %q", what, got, p.name, theirs)
		}
		counts[p.name+": "+why]++
	}
}

// alike is the RCODE and the data of an answer that specialSaid returns.
func alike(s string) string {
	f := strings.SplitN(s, " ", 3)
	return f[0] + f[2][:strings.LastIndex(f[2], " ")]
}

// ordinarySpecial has each special name made an ordinary one: it is asked for on the Internet.
func ordinarySpecial(t *testing.T, root root, zones []string) {
	dir := folder(t.TempDir())
	at := "127.0.0.1:5346"
	start(t, build(t, string(dir)), "serve", "--config", dir.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q], tcp: [%q]}\nadmin: {listen: \"\"}\ncontrol: {socket: \"\"}\n"+
			"log: {level: error}\nresolver: {ipv6: \"false\", root_hints_file: %q}\n"+
			"trust_anchors: {builtin: false, file: %q}\npolicy: {ordinary_names: [%s]}\n", at, at,
		dir.write(t, "hints", root.hints()), dir.write(t, "anchor", root.anchor+"\n"),
		strings.Join(zones, ", "))))
	await(t, at, ".", dns.TypeSOA, func(m *dns.Msg) bool { return m.AuthenticatedData })
	for _, zone := range zones {
		m := new(dns.Msg).SetQuestion("x."+zone, dns.TypeTXT)
		m.SetEdns0(1232, true)
		r := patiently(&dns.Client{}, m, at)
		leaked := slices.Contains(delegatedNames, zone)
		if r == nil || leaked != (len(r.Answer) == 1) ||
			!leaked && (r.Rcode != dns.RcodeNameError || zone != "ipv4only.arpa." &&
				!r.AuthenticatedData) {
			t.Errorf("%s: %v", zone, r)
		}
	}
}
