package zone

import (
	"errors"
	"strings"
	"testing"

	"bailiwick/wire"
)

// parsed is a zone file as a zone.
func parsed(t testing.TB, apex, text string) *Zone {
	t.Helper()
	z, err := Parse(strings.NewReader(text), wire.MustParseName(apex), "test", MaxOctets)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// simple is the zone of RFC 8976, appendix A.1.
const simple = `example.      86400  IN  SOA     ns1.example. admin.example. 2018031900 (
                                 1800 900 604800 86400 )
              86400  IN  NS      ns1.example.
              86400  IN  NS      ns2.example.
              86400  IN  ZONEMD  2018031900 1 1 (
                                 c68090d90a7aed71
                                 6bc459f9340e3d7c
                                 1370d4d24b7e2fc3
                                 a1ddc0b9a87153b9
                                 a9713b3c9ae5cc27
                                 777f98b8e730044c )
ns1.example.           3600   IN  A       203.0.113.63
ns2.example.           3600   IN  AAAA    2001:db8::63
`

func TestRFC8976SimpleZone(t *testing.T) {
	if err := parsed(t, "example.", simple).CheckDigest(); err != nil {
		t.Error(err)
	}
}

func TestRFC8976DigestOfOtherDataIsWrong(t *testing.T) {
	for what, text := range map[string]string{
		"an address":   strings.Replace(simple, "203.0.113.63", "203.0.113.64", 1),
		"a TTL":        strings.Replace(simple, "3600   IN  A ", "3601   IN  A ", 1),
		"a record":     simple + "ns3.example. 3600 IN A 203.0.113.65\n",
		"the serial":   strings.Replace(simple, "ZONEMD  2018031900", "ZONEMD  2018031901", 1),
		"a signature":  simple + signature,
		"deeper names": simple + "a.b.c.example. 60 IN TXT x\n",
	} {
		if err := parsed(t, "example.", text).CheckDigest(); !errors.Is(err, errDigestWrong) {
			t.Errorf("%s differs: %v", what, err)
		}
	}
}

const signature = "ns1.example. 3600 IN RRSIG A 13 2 3600 20300101000000 20200101000000 1 " +
	"example. AAAA\n"

// digestOf is a ZONEMD record of a scheme and an algorithm.
func digestOf(kind string) string {
	return "example. 86400 IN ZONEMD 2018031900 " + kind + " " + strings.Repeat("ab", 48) + "\n"
}

func TestRFC8976WhatTheDigestLeavesOut(t *testing.T) {
	for what, more := range map[string]string{
		"the signature of the digest": strings.Replace(strings.Replace(signature, "RRSIG A",
			"RRSIG ZONEMD", 1), "ns1.example.", "example.", 1),
		"names outside":     "ns1.other. 3600 IN A 203.0.113.63\n",
		"a record, twice":   "NS1.example. 3600 IN A 203.0.113.63\n",
		"an unknown digest": digestOf("1 240"),
		"an unknown scheme": digestOf("241 1"),
	} {
		if err := parsed(t, "example.", simple+more).CheckDigest(); err != nil {
			t.Errorf("with %s: %v", what, err)
		}
	}
}

func TestRFC8976DigestsThatDoNotCount(t *testing.T) {
	twice := simple + digestOf("1 1")
	none := simple[:strings.Index(simple, "              86400  IN  ZONEMD")] +
		"ns1.example. 60 IN A 203.0.113.63\n"
	short := none + "example. 86400 IN ZONEMD 2018031900 1 1 " + strings.Repeat("ab", 12) + "\n"
	for what, c := range map[string]struct {
		text string
		want error
	}{"none": {none, ErrNoDigest}, "two of a kind": {twice, ErrDigestUnknown},
		"of the wrong length": {short, ErrDigestUnknown}} {
		if err := parsed(t, "example.", c.text).CheckDigest(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
}
