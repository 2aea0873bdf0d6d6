// TSIG records that no honest client sends (RFC 8945).

package server_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/policy"
	"bailiwick/internal/tsig"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// signedBy appends a TSIG record of the key hmac-sha256.key. to a packet.
func signedBy(packet []byte, at time.Time) []byte {
	r := wire.TSIG{Key: wire.MustParseName("hmac-sha256.key."),
		Algorithm: wire.MustParseName("hmac-sha256."), Time: uint64(at.Unix()), Fudge: 300,
		OrigID: binary.BigEndian.Uint16(packet)}
	h := hmac.New(sha256.New, secretOf)
	h.Write(packet)
	h.Write(r.AppendVariables(nil))
	r.MAC = h.Sum(nil)
	return with(packet, &r)
}

// with returns a packet with a TSIG record at its end.
func with(packet []byte, r *wire.TSIG) []byte {
	b := r.AppendTo(bytes.Clone(packet))
	b[11]++
	return b
}

// questionOf returns a question for an address in wire form.
func questionOf(t *testing.T, name string) []byte {
	t.Helper()
	b, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRFC8945_5_1OneRecordInItsPlace: a second TSIG record or one outside of the additional section
// is FORMERR, even if the last one is right.
func TestRFC8945_5_1OneRecordInItsPlace(t *testing.T) {
	f := newSignedFront(t)
	once := signedBy(questionOf(t, "own.corp."), time.Now())
	elsewhere := func(count int) []byte {
		b := signedBy(questionOf(t, "own.corp."), time.Now())
		binary.BigEndian.PutUint16(b[count:], 1)
		binary.BigEndian.PutUint16(b[10:], 0)
		return b
	}
	for what, c := range map[string]struct {
		packet []byte
		want   string
	}{
		"once":                  {once, "NOERROR 10.0.0.9"},
		"twice, the last right": {signedBy(once, time.Now()), "FORMERR"},
		"in the answer section": {elsewhere(6), "FORMERR"},
		"in the authority":      {elsewhere(8), "FORMERR"},
	} {
		m := new(dns.Msg)
		if err := m.Unpack(f.exchange(c.packet, "10.0.0.1:4711", transport.UDP)); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		got := strings.TrimSuffix(saysOf(m, dns.ErrNoSig), " no TSIG")
		if got != c.want || (m.IsTsig() != nil) != (what == "once") {
			t.Errorf("%s: %s, want %s", what, m, c.want)
		}
	}
}

// TestRFC8945_5_2TimeBeforeTruncation: of a MAC that is cut off and of another time, the time is
// told: the checks are made in the order of section 5.2 (rthalley/dnspython#1287).
func TestRFC8945_5_2TimeBeforeTruncation(t *testing.T) {
	f := newSignedFront(t)
	for ahead, want := range map[time.Duration]string{0: "NOTAUTH BADTRUNC",
		time.Hour: "NOTAUTH BADTIME"} {
		b := signedBy(questionOf(t, "own.corp."), time.Now().Add(ahead))
		at := len(b) - 6 - 32 - 2 // the MAC and its length stand before ID, error and other length
		binary.BigEndian.PutUint16(b[at:], 16)
		end := len(wire.MustParseName("hmac-sha256.").Wire()) + 16 + 16
		b = append(b[:at+2+16], b[at+2+32:]...)
		binary.BigEndian.PutUint16(b[len(b)-end-2:], uint16(end))
		m := new(dns.Msg)
		if err := m.Unpack(f.exchange(b, "10.0.0.1:4711", transport.UDP)); err != nil {
			t.Fatal(err)
		}
		got := strings.TrimSuffix(saysOf(m, dns.ErrNoSig), " no TSIG")
		if ts := m.IsTsig(); got != want || ts == nil || ts.MACSize != 32 {
			t.Errorf("%s ahead: %s, want %s, signed (section 5.3.2)", ahead, m, want)
		}
	}
}

// TestRFC8945TimeBorders: a signature is believed for as many seconds as its fudge says, to both
// sides, and no longer.
func TestRFC8945TimeBorders(t *testing.T) {
	k, err := tsig.NewKey(wire.MustParseName("hmac-sha256.key."), "hmac-sha256", secretOf)
	if err != nil {
		t.Fatal(err)
	}
	packet := questionOf(t, "own.corp.")
	at := time.Unix(1<<32+5, 0) // more than 32 bits
	signed := signedBy(packet, at)
	r, err := wire.ParseTSIG(signed, len(packet))
	if err != nil {
		t.Fatal(err)
	}
	for off, want := range map[time.Duration]tsig.Error{
		-301: tsig.BadTime, -300: tsig.Good, 0: tsig.Good, 300: tsig.Good, 301: tsig.BadTime,
		-1 << 32: tsig.BadTime} {
		if got := k.Verify(signed, &r, at.Add(off*time.Second)); got != want {
			t.Errorf("%d seconds off: %s, want %s", off, got, want)
		}
	}
}

// TestWrongSignaturesAreLimitedAsAnyQuery: signing wrongly is no way around the rates of clients.
func TestWrongSignaturesAreLimitedAsAnyQuery(t *testing.T) {
	wrong := signedBy(questionOf(t, "own.corp."), time.Now())
	wrong[len(wrong)-7] ^= 1 // the last octet of the MAC
	for what, packet := range map[string][]byte{
		"wrong":     wrong,
		"malformed": signedBy(signedBy(questionOf(t, "own.corp."), time.Now()), time.Now()),
	} {
		f := newSignedFront(t)
		l, counts := policy.DefaultLimits(), tally{}
		l.PerAddress = 3
		f.signs(func(r *server.Rules) {
			r.View, r.Tally = &policy.View{Class: 2, Rates: policy.NewRates(l)}, counts
		})
		var refused, truncated, silent int
		for range 7 {
			b := f.exchange(packet, "10.0.0.1:4711", transport.UDP)
			switch {
			case b == nil:
				silent++
			case b[2]&2 != 0:
				truncated++
			default:
				refused++
			}
		}
		if refused != 3 || truncated != 2 || silent != 2 {
			t.Errorf("%s: %d refused, %d truncated, %d not answered; want 3, 2 and 2", what,
				refused, truncated, silent)
		}
	}
}

// TestLongNamesOfKeysHaveResponses: names of a TSIG record alone may take more octets than a
// response over UDP may have. The response has the question and that record, and is no longer than
// the query.
func TestLongNamesOfKeysHaveResponses(t *testing.T) {
	f := newSignedFront(t)
	long := wire.MustParseName(strings.Repeat(strings.Repeat("a", 62)+".", 4))
	for _, alg := range []wire.Name{long, wire.MustParseName("hmac-sha256.")} {
		for _, name := range []string{"own.corp.", long.String()} {
			for _, opt := range []bool{false, true} {
				q := new(dns.Msg).SetQuestion(name, dns.TypeA)
				if opt {
					q.SetEdns0(512, true)
				}
				b, err := q.Pack()
				if err != nil {
					t.Fatal(err)
				}
				r := wire.TSIG{Key: long, Algorithm: alg, Time: uint64(time.Now().Unix()),
					Fudge: 300, MAC: make([]byte, 32)}
				b = with(b, &r)
				reply := f.exchange(b, "10.0.0.1:4711", transport.UDP)
				m := new(dns.Msg)
				if err := m.Unpack(reply); err != nil {
					t.Fatal(err)
				}
				got := saysOf(m, nil)
				if got != "NOTAUTH BADKEY signed" || len(m.Question) != 1 ||
					len(reply) > len(b) {
					t.Errorf("%s, %d octets for %d, with %d questions", got, len(reply), len(b),
						len(m.Question))
				}
			}
		}
	}
	if n := f.seen.causes; len(n) > 0 {
		t.Errorf("failures: %v", n)
	}
}

// TestRFC8945_5_3FailuresAreSigned: the response to a signed query that a panic has ended, too.
func TestRFC8945_5_3FailuresAreSigned(t *testing.T) {
	tr, f := newTrap(t)
	f.signs(func(*server.Rules) {})
	for range 3 {
		if m, _, err := f.signed(transport.UDP, "www.unsigned.example.", "hmac-sha256.key.",
			"hmac-sha256", secretOf, 0, nil); m.Rcode != dns.RcodeSuccess || err != nil {
			t.Fatal(m, err)
		}
	}
	tr.mu.Lock()
	tr.hitting = func() { panic("a fault") }
	tr.mu.Unlock()
	tr.set(none, func() {})
	m, _, err := f.signed(transport.UDP, "www.unsigned.example.", "hmac-sha256.key.",
		"hmac-sha256", secretOf, 0, nil)
	if got := saysOf(m, err); got != "NOERROR 192.0.2.1 signed" {
		t.Error(got)
	}
	f.signs(func(r *server.Rules) {
		for k, v := range r.Keys {
			v.View = &policy.View{Class: 9, Local: func(wire.Question) *policy.Local {
				panic("a fault")
			}}
			r.Keys[k] = v
		}
	})
	m, _, err = f.signed(transport.UDP, "www.unsigned.example.", "hmac-sha256.key.",
		"hmac-sha256", secretOf, 0, nil)
	if got := saysOf(m, err); got != "SERVFAIL signed" {
		t.Error(got)
	}
	if n := len(f.seen.causes); n == 0 || f.seen.causes[n-1] != cause.InternalError {
		t.Errorf("counted %v", f.seen.causes)
	}
}
