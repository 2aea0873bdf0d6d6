package localdata

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// All names of a record are the ones that are asked for (RFC 5891, section 5), whatever its type
// has beside them; text stays as it is.
func TestRFC5891NamesOfRecords(t *testing.T) {
	for _, record := range []string{
		"NS ü.x.", "CNAME ü.x.", "SOA ü.x. ü.x. 1 2 3 4 5", "PTR ü.x.", "MINFO ü.x. ü.x.",
		"MX 1 ü.x.", "RP ü.x. ü.x.", "AFSDB 1 ü.x.", "KX 1 ü.x.", "SRV 1 2 3 ü.x.",
		"PX 1 ü.x. ü.x.", `NAPTR 1 2 "U" "SIP" "" ü.x.`, "LP 1 ü.x.", "TALINK ü.x. ü.x.",
		"SVCB 1 ü.x. port=53", "HTTPS 1 ü.x. port=443", "HTTPS 0 ü.x.",
		"IPSECKEY 1 3 2 ü.x. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
		"IPSECKEY 1 1 2 192.0.2.1 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
		"AMTRELAY 1 0 3 ü.x.", "AMTRELAY 1 0 1 192.0.2.1",
		"HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAbdx ü.x. a.x. ü.x.",
	} {
		typed, err := dns.NewRR("ü.x. 60 IN " + record)
		if err != nil {
			t.Fatal(record, err)
		}
		want, err := dns.NewRR("xn--tda.x. 60 IN " + strings.ReplaceAll(record, "ü", "xn--tda"))
		if err != nil {
			t.Fatal(record, err)
		}
		if err := toASCII(typed); err != nil || typed.String() != want.String() {
			t.Errorf("%s, want %s; %v", typed, want, err)
		}
	}
	text, err := dns.NewRR(`ü.x. 60 IN TXT "ü.x."`)
	if err != nil {
		t.Fatal(err)
	}
	if err := toASCII(text); err != nil || text.(*dns.TXT).Txt[0] != `\195\188.x.` &&
		text.(*dns.TXT).Txt[0] != "ü.x." {
		t.Errorf("%s; %v", text, err)
	}
}
