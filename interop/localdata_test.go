// Local data beside Unbound's local-zone and local-data.

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

// localTypes are types of local zones, and Unbound's names of them.
var localTypes = map[string]string{"transparent": "transparent",
	"typetransparent": "typetransparent", "static": "static", "redirect": "redirect",
	"refuse": "refuse", "nxdomain": "always_nxdomain", "inform": "inform"}

// explained reports whether there is a reason for an answer other than Unbound's: records count in
// zones of the type nxdomain too; the name of a zone and those between it and a record exist (RFC
// 4592, section 2.2.2); aliases are followed in zones of all types, as clients do not follow them.
func explained(typ, label, got, unbound string) bool {
	switch {
	case typ == "nxdomain":
		return label == "www." || label == "c.b." || label == "alias."
	case typ == "static" && (label == "b." || label == ""):
		return unbound == "NXDOMAIN " && got == "NOERROR "
	}
	return label == "alias." && strings.HasPrefix(got, unbound+";")
}

// TestLocalDataAreThoseOfUnbound asks Unbound and Bailiwick for names in local zones of each type,
// over names that the lab's internet has too.
func TestLocalDataAreThoseOfUnbound(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound"})
		return
	}
	loopback(t)
	w := lab.Internet(time.Now())
	for typ := range localTypes {
		w.Add(lab.Zone{Name: typ + ".example.", Records: "www A 192.0.2.1\nwww TXT public\n" +
			"other A 192.0.2.2\n@ A 192.0.2.3\na.b A 192.0.2.4"})
	}
	root, dir := listen(t, w), folder(t.TempDir())
	hints := dir.write(t, "hints", root.hints())
	theirs, zones, records := "", "", ""
	for typ, theirType := range localTypes {
		zone := typ + ".example."
		theirs += fmt.Sprintf("  local-zone: %q %s\n", zone, theirType)
		zones += fmt.Sprintf("    - {name: %s, type: %s}\n", zone, typ)
		data := []string{"www." + zone + " 60 A 10.0.0.1", "c.b." + zone + " 60 A 10.0.0.2",
			"alias." + zone + " 60 CNAME www.secure.example."}
		if typ == "redirect" {
			data = []string{zone + " 60 A 10.0.0.1"}
		}
		for _, d := range data {
			theirs += fmt.Sprintf("  local-data: %q\n", d)
			records += fmt.Sprintf("    - %q\n", d)
		}
	}
	start(t, "unbound", "-d", "-c", dir.write(t, "unbound.conf", unboundConf(fmt.Sprintf(
		"  interface: 127.0.0.1@5301\n  do-not-query-localhost: no\n  root-hints: %q\n  "+
			"trust-anchor: %q\n%s", hints, root.anchor, theirs), "")))
	start(t, build(t, string(dir)), "serve", "--config", dir.write(t, "bailiwick.yaml",
		fmt.Sprintf("listen: {udp: [\"127.0.0.1:5303\"], tcp: [\"127.0.0.1:5303\"]}\n"+
			"admin: {listen: \"\"}\ncontrol: {socket: %q}\nlog: {level: error}\n"+
			"resolver: {ipv6: \"false\", root_hints_file: %q, do_not_query_localhost: false}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\npolicy:\n  local_zones:\n%s  "+
			"local_records:\n%s", dir.path("ctl"), hints, root.anchor, zones,
			records)))
	for _, at := range []string{unboundAddr, bailiwickAddr} {
		await(t, at, "www.secure.example.", dns.TypeA, func(m *dns.Msg) bool {
			return m.AuthenticatedData
		})
	}
	same := 0
	for typ := range localTypes {
		for _, label := range []string{"www.", "other.", "no.", "b.", "c.b.", "a.b.", "x.www.",
			"alias.", ""} {
			for _, qt := range []uint16{dns.TypeA, dns.TypeTXT, dns.TypeDS} {
				name := label + typ + ".example."
				got, want := said(bailiwickAddr, name, qt), said(unboundAddr, name, qt)
				switch {
				case got == want:
					same++
				case !explained(typ, label, got, want):
					t.Errorf("%s %s: %s, Unbound %s", name, dns.TypeToString[qt], got, want)
				}
			}
		}
	}
	t.Logf("%d answers are the same", same)
}

// said is what a resolver answers: its RCODE, and the records without their TTLs and signatures.
func said(at, name string, qt uint16) string {
	m, err := ask(at, name, qt)
	if err != nil {
		return err.Error()
	}
	var records []string
	for _, rr := range m.Answer {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			h := rr.Header()
			records = append(records, fmt.Sprintf("%s %s %s", h.Name, dns.TypeToString[h.Rrtype],
				strings.TrimPrefix(rr.String(), h.String())))
		}
	}
	slices.Sort(records)
	return dns.RcodeToString[m.Rcode] + " " + strings.Join(records, "; ")
}
