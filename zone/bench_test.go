package zone

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"bailiwick/wire"
)

// likeTheRoot is a zone with as many records of each type as the root has: 1,440 delegations with
// five name servers each, of which 1,330 are signed, glue, and signatures of 256 octets.
func likeTheRoot() string {
	var b strings.Builder
	sig := base64.StdEncoding.EncodeToString(make([]byte, 256))
	signed := func(owner, t string, labels int) {
		fmt.Fprintf(&b, "%s 86400 IN RRSIG %s 8 %d 86400 20300101000000 20200101000000 20326 . "+
			"%s\n", owner, t, labels, sig)
	}
	b.WriteString(". 86400 IN SOA a.root-servers.net. nstld.example. 2026112600 1800 900 604800 " +
		"86400\n")
	signed(".", "SOA", 0)
	for i := range 13 {
		fmt.Fprintf(&b, ". 518400 IN NS %c.root-servers.net.\n", 'a'+i)
		fmt.Fprintf(&b, "%c.root-servers.net. 518400 IN A 198.51.100.%d\n", 'a'+i, i)
	}
	signed(".", "NS", 0)
	for i := range 1440 {
		tld := fmt.Sprintf("tld%04d.", i)
		for n := range 5 {
			fmt.Fprintf(&b, "%s 172800 IN NS ns%d.nic.%s\n", tld, n, tld)
			if n < 4 {
				fmt.Fprintf(&b, "ns%d.nic.%s 172800 IN A 192.0.2.%d\n", n, tld, n)
				fmt.Fprintf(&b, "ns%d.nic.%s 172800 IN AAAA 2001:db8::%d\n", n, tld, n)
			}
		}
		if i < 1330 {
			fmt.Fprintf(&b, "%s 86400 IN DS 12345 8 2 %s\n", tld, strings.Repeat("AB", 32))
			signed(tld, "DS", 1)
		}
		fmt.Fprintf(&b, "%s 86400 IN NSEC tld%04d. NS DS RRSIG NSEC\n", tld, (i+1)%1440)
		signed(tld, "NSEC", 1)
	}
	return b.String()
}

// A zone as large as the root takes 3 MB at the most.
func TestZoneLikeTheRootIsSmall(t *testing.T) {
	z := parsed(t, ".", likeTheRoot())
	t.Logf("%d records, %d bytes", z.Records(), z.Size())
	if z.Size() > 3<<20 {
		t.Errorf("%d records take %d bytes", z.Records(), z.Size())
	}
}

func BenchmarkRoot(b *testing.B) {
	text := likeTheRoot()
	z := parsed(b, ".", text)
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			parsed(b, ".", text)
		}
	})
	b.Run("digest", func(b *testing.B) {
		for b.Loop() {
			z.digest(sha512.New384())
		}
	})
	for what, name := range map[string]string{"referral": "www.example.tld0777.",
		"denial": "www.tld9.example."} {
		q := wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA, Class: wire.ClassIN}
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				z.Answer(q)
			}
		})
	}
}
