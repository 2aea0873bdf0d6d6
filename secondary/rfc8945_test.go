package secondary

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

var transferKey = &Key{Name: "transfer.", Algorithm: dns.HmacSHA256,
	Secret: []byte("a secret of thirty-two octets ..")}

// signedBy starts a keeper that signs with the transfer key, of a primary with a key.
func signedBy(t testing.TB, other *Key, change func(*primary)) *kept {
	return keep(t, func(k *kept, _ *Parts) {
		k.spec.Key, k.primary.key = transferKey, other
		if change != nil {
			change(k.primary)
		}
	})
}

// Messages in between need no TSIG of their own, but the first and the last do; all are covered.
func TestRFC8945TransferIsVerified(t *testing.T) {
	for _, algorithm := range []string{dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384,
		dns.HmacSHA512} {
		for _, every := range []int{1, 2, 3, 100} {
			t.Run(fmt.Sprint(algorithm, every), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					key := *transferKey
					key.Algorithm = algorithm
					k := keep(t, func(k *kept, _ *Parts) {
						k.spec.Key, k.primary.key = &key, &key
						k.primary.per, k.primary.every = 1, every
					})
					if k.want("with the right key", 1, "AXFR"); k.serial() != 1 {
						t.Error(k.logged())
					}
				})
			})
		}
	}
}

func TestRFC8945TransferThatDoesNotVerifyIsNotUsed(t *testing.T) {
	wrong := *transferKey
	wrong.Secret = []byte("another secret")
	name := *transferKey
	name.Name = "other."
	algorithm := *transferKey
	algorithm.Algorithm = dns.HmacSHA512
	for what, c := range map[string]struct {
		key    *Key
		change func(*primary)
	}{
		"without a key":          {nil, nil},
		"with another secret":    {&wrong, nil},
		"with another name":      {&name, nil},
		"with another algorithm": {&algorithm, nil},
		"a record in between is changed": {transferKey, func(p *primary) {
			p.per, p.every = 1, 3
			p.tamper = func(i int, b []byte) []byte {
				if i == 1 {
					b[len(b)-1] ^= 1
				}
				return b
			}
		}},
		"the last message is not signed": {transferKey, func(p *primary) {
			p.per, p.every = 1, 100
			p.tamper = func(i int, b []byte) []byte {
				if i == len(first) {
					m := new(dns.Msg)
					_ = m.Unpack(b)
					m.Extra = nil
					b, _ = m.Pack()
				}
				return b
			}
		}},
		"of another time": {transferKey, func(p *primary) { p.ahead = 6 * time.Minute }},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := signedBy(t, c.key, c.change)
				if k.serial() != 0 || k.Status()[0].Failed != 1 {
					t.Errorf("it is used: %+v", k.Status()[0])
				}
			})
		})
	}
}

// No more than 99 messages in a row may be without TSIG.
func TestRFC8945NoMoreThan99MessagesWithoutTSIG(t *testing.T) {
	for n, want := range map[int]uint32{maxUnsigned - 1: 1, maxUnsigned + 10: 0} {
		synctest.Test(t, func(t *testing.T) {
			k := signedBy(t, transferKey, func(p *primary) {
				for i := range n - len(first) + 2 {
					p.versions[0] = append(p.versions[0],
						records(t, fmt.Sprintf("n%d.held.test. 60 IN A 192.0.2.1", i))...)
				}
				p.per, p.every = 1, 1000
			})
			if k.serial() != want {
				t.Errorf("%d messages: serial %d, want %d: %s", n, k.serial(), want, k.logged())
			}
		})
	}
}

// A NOTIFY that carries a TSIG has to be right; the response carries one too.
func TestRFC8945NotifyIsVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := signedBy(t, transferKey, nil)
		k.want("at the start", 1, "AXFR")
		for secret, want := range map[string]int{string(transferKey.Secret): dns.RcodeSuccess,
			"another secret": dns.RcodeNotAuth} {
			if got := k.notifySigned(secret); got != want {
				t.Errorf("%q: %s", secret, dns.RcodeToString[got])
			}
		}
	})
}
