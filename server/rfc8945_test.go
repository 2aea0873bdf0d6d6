package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/internal/tsig"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// secretOf is the secret of the tests' keys.
var secretOf = []byte("0123456789abcdef0123456789abcdef")

// newSignedFront returns a front with a view of each algorithm's key, in which own.corp. has an
// address. Clients without a key have another view, in which it does not exist.
func newSignedFront(t *testing.T) *front {
	f := newFront(t, nil)
	f.signs(func(*server.Rules) {})
	return f
}

// signs gives a front the views of newSignedFront, changed.
func (f *front) signs(change func(*server.Rules)) {
	t := f.t
	view := func(class uint16, records ...string) *policy.View {
		b := localdata.NewBuilder(nil)
		for _, r := range records {
			if err := b.AddText(r); err != nil {
				t.Fatal(err)
			}
		}
		d, err := b.Data()
		if err != nil {
			t.Fatal(err)
		}
		return &policy.View{Class: class, Generation: 1, Local: d.Answer}
	}
	own := view(1, "own.corp. A 10.0.0.9", "www.secure.example. A 10.0.0.10",
		"big.corp. TXT "+strings.Repeat("a", 250)+" "+strings.Repeat("b", 130))
	keys := map[wire.Name]server.SignedView{}
	for _, algorithm := range []string{"hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384",
		"hmac-sha512"} {
		k, err := tsig.NewKey(wire.MustParseName(algorithm+".key."), algorithm, secretOf)
		if err != nil {
			t.Fatal(err)
		}
		keys[k.Name] = server.SignedView{Key: k, View: own}
	}
	cfg := server.Default()
	rules := server.Rules{Config: &cfg, Access: private(), View: view(2,
		"own.corp. A 10.0.0.8"), Keys: keys}
	change(&rules)
	f.Handler.Replace(rules)
}

// signed asks with a key, by a program of others, whose clock is ahead. It returns the response,
// what that program says of its signature, and its length.
func (f *front) signed(p transport.Protocol, name, key, algorithm string, secret []byte,
	ahead time.Duration, change func(*dns.Msg)) (m *dns.Msg, size int, err error) {
	f.t.Helper()
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	if change != nil {
		change(q)
	}
	q.SetTsig(key, algorithm+".", 300, time.Now().Add(ahead).Unix())
	text := base64.StdEncoding.EncodeToString(secret)
	packet, mac, err := dns.TsigGenerate(q, text, "", false)
	if err != nil {
		f.t.Fatal(err)
	}
	reply := f.exchange(packet, "10.0.0.1:4711", p)
	m = new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		f.t.Fatal(err)
	}
	if m.IsTsig() == nil {
		return m, len(reply), dns.ErrNoSig
	}
	return m, len(reply), dns.TsigVerify(bytes.Clone(reply), text, mac, false)
}

func saysOf(m *dns.Msg, err error) string {
	s := dns.RcodeToString[m.Rcode]
	for _, rr := range m.Answer {
		if a, ok := rr.(*dns.A); ok {
			s += " " + a.A.String()
		}
	}
	if t := m.IsTsig(); t != nil && t.Error != 0 {
		s += " " + tsig.Error(t.Error).String()
	}
	switch err {
	case nil:
		s += " signed"
	case dns.ErrNoSig:
		s += " no TSIG"
	default:
		s += " not signed"
	}
	return s
}

// TestRFC8945ViewOfAKey: who signs has the view of the key, over each transport and with each
// algorithm, whatever was prepared for others; and the response is signed. Servers gave what they
// had prepared for clients without a signature (PowerDNS/pdns 4355, folbricht/routedns 320).
func TestRFC8945ViewOfAKey(t *testing.T) {
	f := newSignedFront(t)
	for range 3 {
		for _, algorithm := range []string{"hmac-sha1", "hmac-sha224", "hmac-sha256",
			"hmac-sha384", "hmac-sha512"} {
			for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
				for name, want := range map[string]string{
					"own.corp.":             "NOERROR 10.0.0.9 signed",
					"www.secure.example.":   "NOERROR 10.0.0.10 signed",
					"www.unsigned.example.": "NOERROR 192.0.2.1 signed",
					"no.secure.example.":    "NXDOMAIN signed",
					"www.expired.faulty.":   "SERVFAIL signed",
				} {
					m, _, err := f.signed(p, name, algorithm+".key.", algorithm, secretOf, 0,
						withEDNS)
					if got := saysOf(m, err); got != want {
						t.Errorf("%s over %s: %s: %s, want %s", algorithm, p, name, got, want)
					}
				}
			}
		}
		for name, want := range map[string]string{"own.corp.": "10.0.0.8",
			"www.secure.example.": "192.0.2.1", "www.unsigned.example.": "192.0.2.1"} {
			m := f.askFrom("10.0.0.1:4711", transport.UDP, name, dns.TypeA, withEDNS)
			if got := saysOf(m, dns.ErrNoSig); got != "NOERROR "+want+" no TSIG" {
				t.Errorf("without a signature: %s: %s", name, got)
			}
		}
	}
}

// TestRFC8945Errors: what is wrong with a signature is told as sections 5.1 to 5.3 have it.
func TestRFC8945Errors(t *testing.T) {
	f := newSignedFront(t)
	const key, algorithm = "hmac-sha256.key.", "hmac-sha256"
	for _, c := range []struct {
		what, key, algorithm string
		secret               []byte
		ahead                time.Duration
		want                 string
	}{
		{"right", key, algorithm, secretOf, 0, "NOERROR 10.0.0.9 signed"},
		{"the key in other letters", "HMAC-sha256.KEY.", algorithm, secretOf, 0,
			"NOERROR 10.0.0.9 signed"},
		{"unknown key", "other.key.", algorithm, secretOf, 0, "NOTAUTH BADKEY not signed"},
		{"another algorithm", key, "hmac-sha512", secretOf, 0, "NOTAUTH BADKEY not signed"},
		{"wrong secret", key, algorithm, []byte("wrong"), 0, "NOTAUTH BADSIG not signed"},
		{"five minutes ahead", key, algorithm, secretOf, 299 * time.Second,
			"NOERROR 10.0.0.9 signed"},
		{"an hour ahead", key, algorithm, secretOf, time.Hour, "NOTAUTH BADTIME"},
		{"an hour behind", key, algorithm, secretOf, -time.Hour, "NOTAUTH BADTIME"},
	} {
		m, _, err := f.signed(transport.UDP, "own.corp.", c.key, c.algorithm, c.secret, c.ahead,
			nil)
		got := saysOf(m, err)
		if c.want == "NOTAUTH BADTIME" { // the program of others looks at the time, too
			got = strings.TrimSuffix(strings.TrimSuffix(got, " signed"), " not")
			ts := m.IsTsig()
			if ts.OtherLen != 6 || len(ts.MAC) != 64 {
				t.Errorf("%s: %d octets of other data, MAC %q", c.what, ts.OtherLen, ts.MAC)
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	want := slices.Repeat([]cause.Cause{cause.RequestSignature}, 5)
	if !slices.Equal(f.seen.refused, want) {
		t.Errorf("refused: %v", f.seen.refused)
	}
}

// TestRFC8945Malformed: a record that is not the last one, one that is twice there and MACs of
// lengths that there are not get FORMERR; a MAC that is cut off is refused.
func TestRFC8945Malformed(t *testing.T) {
	f := newSignedFront(t)
	k := wire.MustParseName("hmac-sha256.key.")
	alg := wire.MustParseName("hmac-sha256.")
	packet := func(records ...[]byte) []byte {
		q := new(dns.Msg).SetQuestion("own.corp.", dns.TypeA)
		b, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			b = append(b, r...)
		}
		binary.BigEndian.PutUint16(b[10:], uint16(len(records)))
		return b
	}
	record := func(mac int) []byte {
		r := wire.TSIG{Key: k, Algorithm: alg, Time: uint64(time.Now().Unix()), Fudge: 300,
			MAC: make([]byte, mac)}
		return r.AppendTo(nil)
	}
	opt := []byte{0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}
	short := record(32)
	for what, c := range map[string]struct {
		packet []byte
		want   string
	}{
		"not the last":    {packet(record(32), opt), "FORMERR no TSIG"},
		"twice":           {packet(record(32), record(32)), "FORMERR no TSIG"},
		"no MAC":          {packet(record(0)), "FORMERR no TSIG"},
		"nine octets":     {packet(record(9)), "FORMERR no TSIG"},
		"too many octets": {packet(record(33)), "FORMERR no TSIG"},
		"a half, wrong":   {packet(record(16)), "NOTAUTH BADSIG not signed"},
		"RDATA cut off":   {packet(short[:len(short)-3]), "FORMERR no TSIG"},
	} {
		reply := f.exchange(c.packet, "10.0.0.1:4711", transport.UDP)
		m := new(dns.Msg)
		if err := m.Unpack(reply); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		err := fmt.Errorf("not verified")
		if m.IsTsig() == nil {
			err = dns.ErrNoSig
		}
		if got := saysOf(m, err); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
}

// TestRFC8945_5_3Truncation: the signature is part of what has to fit; what does not fit is
// truncated, and signed nevertheless.
func TestRFC8945_5_3Truncation(t *testing.T) {
	f := newSignedFront(t)
	for _, name := range []string{"big.corp.", "www.secure.example.",
		"txt.secure.example."} {
		for _, limit := range []uint16{0, 512, 1232} {
			m, size, err := f.signed(transport.UDP, name, "hmac-sha512.key.", "hmac-sha512",
				secretOf, 0, func(m *dns.Msg) {
					if m.Question[0].Qtype = dns.TypeTXT; limit > 0 {
						m.SetEdns0(limit, true)
					}
				})
			if err != nil || size > int(max(limit, 512)) {
				t.Errorf("%s in %d: %d octets, %v, %v", name, limit, size, m.Truncated, err)
			}
		}
	}
}

// TestRFC8945WithoutKeys: to a server that has no keys for views, each key is unknown (section
// 5.2.1).
func TestRFC8945WithoutKeys(t *testing.T) {
	f := newFront(t, nil)
	m, _, err := f.signed(transport.UDP, "www.secure.example.", "some.key.", "hmac-sha256",
		secretOf, 0, nil)
	if got := saysOf(m, err); got != "NOTAUTH BADKEY not signed" {
		t.Error(got)
	}
}
