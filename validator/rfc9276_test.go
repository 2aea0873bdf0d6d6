package validator

import (
	"fmt"
	"strings"
	"testing"

	"bailiwick/wire"
)

// longestSalt is the longest salt that miekg/dns reads, in hexadecimal digits.
var longestSalt = strings.Repeat("AB", 127)

// Denials with up to the limit of iterations are validated, and above it the zone is insecure.
// There is nothing in between (RFC 9276, section 3.2), even for the longest name and the longest
// salt.
func TestRFC9276BelowTheLimitIsValidated(t *testing.T) {
	longest := strings.Repeat("a.", 120) + "b.example"
	arpa := strings.Repeat("0.", 32) + "ip6.b.example"
	for _, name := range []string{"b.example", arpa, longest} {
		for _, salt := range []string{"", "AABBCCDD", strings.Repeat("AB", 65), longestSalt} {
			for _, c := range []struct {
				iterations uint16
				policy     int
				want       proof
			}{
				{0, 50, proofNXDomain}, {20, 50, proofNXDomain}, {50, 50, proofNXDomain}, {51, 50,
					proofIterations},
				{150, 150, proofNXDomain}, {2500, 50, proofIterations},
			} {
				z := nsec3Zone{iterations: c.iterations, salt: salt}
				sets := readSets(t, []string{z.match("example", "NS SOA RRSIG DNSKEY"),
					z.cover("b.example"), z.cover("*.example")})
				d := New(Default()).newDenial(wire.MustParseName("example"), sets, c.policy,
					NewBudget())
				if got := d.prove(wire.MustParseName(name), wire.TypeA); got != c.want {
					t.Errorf("%d labels, %d iterations, %d octets of salt: got %d, want %d",
						strings.Count(name, "."),
						c.iterations, len(salt)/2, got, c.want)
				}
			}
		}
	}
}

// CVE-2023-50868: the cost of a response is bounded by its name; the cost of a query with
// everything it causes is at most that of the costliest response.
func TestCVE202350868HashingIsBounded(t *testing.T) {
	z := nsec3Zone{iterations: 50, salt: longestSalt}
	sets := readSets(t, []string{z.cover("b.example"), z.cover("c.example"), z.cover("d.example")})
	zone, b, v := wire.MustParseName("example"), NewBudget(), New(Default())
	responses := 0
	for ; responses < 100; responses++ {
		name := wire.MustParseName(fmt.Sprintf("%s%d.x.example", strings.Repeat("a.", 110),
			responses))
		d := v.newDenial(zone, sets, maxNSEC3Iterations, b)
		if p := d.prove(name, wire.TypeA); p == proofOverBudget {
			break
		}
	}
	// 113 names, the zone's among them, of 51 times 3 blocks, and up to 3 more for a long name.
	if want := maxHashBlocks / (113 * (51*3 + 1)); responses != want {
		t.Errorf("%d responses of the dearest kind, want %d", responses, want)
	}
	if spent := maxHashBlocks - int(b.blocks.Load()); spent > maxHashBlocks+255 {
		t.Errorf("%d blocks paid for", spent)
	}
}

// More NSEC3 records than proofs need meet the limit; as many as an alias chain through wildcards
// needs do not.
func TestCVE202350868Records(t *testing.T) {
	z := nsec3Zone{}
	for n, want := range map[int]proof{maxNSEC3Records - 1: proofNoData,
		maxNSEC3Records: proofOverBudget} {
		lines := []string{z.match("b.example", "A")}
		for i := range n {
			lines = append(lines, z.cover(fmt.Sprint("a", i)))
		}
		d := New(Default()).newDenial(wire.MustParseName("example"), readSets(t, lines),
			maxNSEC3Iterations, NewBudget())
		if got := d.prove(wire.MustParseName("b.example"), wire.TypeMX); got != want {
			t.Errorf("%d records: got %d, want %d", n+1, got, want)
		}
	}
}

// RFC 9276, section 3.2 leaves the limit to the operator. 0 is a limit: a zone with one iteration
// is insecure, one without is secure.
func TestRFC9276LimitOfZeroIterationsIsNoOther(t *testing.T) {
	k := newZoneKey(t, "example.")
	chain := zonesOf(t, k)
	cfg := Default()
	cfg.MaxIterations = 0
	for iterations, want := range []wire.Security{wire.Secure, wire.Insecure} {
		z := nsec3Zone{iterations: uint16(iterations)}
		sets := []*wire.RRset{k.set(t, "", "example. 300 IN SOA a. b. 1 2 3 4 5"),
			k.set(t, "", z.match("example", "NS SOA RRSIG DNSKEY NSEC3PARAM")),
			k.set(t, "", z.cover("b.example")), k.set(t, "", z.cover("*.example"))}
		r := &Response{Question: question("b.example.", wire.TypeA), Kind: wire.KindNXDomain,
			Servers: wire.MustParseName("example."), Authority: sets}
		if v := judgeUnchanged(New(cfg), r, chain, testNow); v.Status != want {
			t.Errorf("%d iterations: %v, %v", iterations, v.Status, v.Failure)
		}
	}
	kind, ok := New(cfg).ProveCached(wire.MustParseName("example."), readSets(t, []string{
		nsec3Zone{iterations: 1}.cover("b.example"), nsec3Zone{iterations: 1}.cover("*.example"),
		nsec3Zone{iterations: 1}.match("example", "NS SOA RRSIG DNSKEY NSEC3PARAM")}),
		question("b.example.", wire.TypeA), NewBudget())
	if ok {
		t.Errorf("a denial of the cache with an iteration proves %v", kind)
	}
}

// No configuration allows more iterations than maxHashBlocks is made for.
func TestHighestNSEC3Iterations(t *testing.T) {
	for asked, want := range map[int]int{0: 0, 10: 10,
		highestNSEC3Iterations:     highestNSEC3Iterations,
		highestNSEC3Iterations + 1: highestNSEC3Iterations, 65535: highestNSEC3Iterations} {
		cfg := Default()
		cfg.MaxIterations = asked
		if got := New(cfg).cfg.MaxIterations; got != want {
			t.Errorf("%d are configured: %d, want %d", asked, got, want)
		}
	}
}
