package validator

import (
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"

	"bailiwick/validator/p256"
	"bailiwick/wire"
)

// wycheproofFile has the fields that are read here of a file of the Wycheproof project's vectors.
// All are licensed under Apache-2.0 (https://github.com/C2SP/wycheproof).
type wycheproofFile struct {
	TestGroups []struct {
		PublicKey    wycheproofKey
		PublicKeyAsn string // of RSA
		Tests        []struct {
			TcID    int
			Comment string
			Flags   []string
			Msg     string
			Sig     string
			Result  string
		}
	}
}

type wycheproofKey struct {
	Uncompressed string // of ECDSA
	PK           string // of Ed25519 and Ed448
}

// TestWycheproofVectors compares the checks of every algorithm with the vectors of the Wycheproof
// project: edges of the arithmetic, malformed signatures and keys. Vectors in ASN.1 whose only
// fault is the encoding have no form in DNS, which has r and s in a fixed size (RFC 6605, section
// 4); their number is part of the table.
func TestWycheproofVectors(t *testing.T) {
	for _, c := range []struct {
		file     string
		alg      uint8
		key      func(wycheproofKey, string) []byte
		sig      func([]byte) ([]byte, bool) // to DNS form; false: it has none
		want     int                         // vectors that are checked
		leftOver int                         // those without a form in DNS
	}{
		{"ecdsa_secp256r1_sha256_p1363_test.json", algECDSAP256SHA256, ecKey, asIs, 262, 0},
		{"ecdsa_secp256r1_sha256_test.json", algECDSAP256SHA256, ecKey, fromDER(32), 249, 235},
		{"ecdsa_secp384r1_sha384_p1363_test.json", algECDSAP384SHA384, ecKey, asIs, 280, 0},
		{"ecdsa_secp384r1_sha384_test.json", algECDSAP384SHA384, ecKey, fromDER(48), 269, 235},
		{"ed25519_test.json", algEd25519, edKey, asIs, 151, 0},
		{"ed448_test.json", algEd448, edKey, asIs, 87, 0},
		{"rsa_signature_2048_sha256_test.json", algRSASHA256, rsaDNSKey, asIs, 259, 0},
		{"rsa_signature_2048_sha512_test.json", algRSASHA512, rsaDNSKey, asIs, 259, 0},
		{"rsa_signature_3072_sha256_test.json", algRSASHA256, rsaDNSKey, asIs, 259, 0},
		{"rsa_signature_3072_sha512_test.json", algRSASHA512, rsaDNSKey, asIs, 260, 0},
		{"rsa_signature_4096_sha256_test.json", algRSASHA256, rsaDNSKey, asIs, 258, 0},
		{"rsa_signature_4096_sha512_test.json", algRSASHA512, rsaDNSKey, asIs, 259, 0},
	} {
		t.Run(c.file, func(t *testing.T) {
			raw, err := fs.ReadFile(wycheproof.TestVectors, c.file)
			if err != nil {
				t.Fatal(err)
			}
			var f wycheproofFile
			if err := json.Unmarshal(raw, &f); err != nil {
				t.Fatal(err)
			}
			checked, leftOver := 0, 0
			for _, g := range f.TestGroups {
				checkers := checkersOf(t, c.alg, c.key(g.PublicKey, g.PublicKeyAsn))
				for _, v := range g.Tests {
					sig, ok := c.sig(unhex(v.Sig))
					if !ok {
						if leftOver++; v.Result == "valid" {
							t.Errorf("%d (%s): valid, and has no form in DNS", v.TcID, v.Comment)
						}
						continue
					}
					checked++
					for name, k := range checkers {
						got := k.check(unhex(v.Msg), sig)
						// Acceptable vectors are not asserted: DNSSEC requires neither result.
						if v.Result != "acceptable" && got != (v.Result == "valid") {
							t.Errorf("%s, %d (%s): %v, want %s", name, v.TcID, v.Comment, got,
								v.Result)
						}
					}
				}
			}
			if checked != c.want || leftOver != c.leftOver {
				t.Errorf("%d vectors were checked and %d left over, want %d and %d",
					checked, leftOver, c.want, c.leftOver)
			}
		})
	}
}

// checkersOf returns every implementation that checks signatures with a key.
func checkersOf(t *testing.T, alg uint8, public []byte) map[string]checker {
	t.Helper()
	all := map[string]checker{}
	add := func(name string, p Config) checker {
		k := &key{DNSKEY: wire.DNSKEY{Algorithm: alg, Key: public}}
		c, err := k.checker()
		if err != nil {
			t.Fatal(err)
		}
		all[name] = New(p).fastest(k, c)
		return all[name]
	}
	add("standard", Config{StandardP256: true})
	if own, ok := add("usual", Config{}).(p256Checker); ok {
		all["table"] = p256Checker{own.Verifier.(*p256.Key).Table()}
	} else if alg == algECDSAP256SHA256 && p256.Fast {
		t.Error("our own P-256 is not in use")
	}
	return all
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func ecKey(k wycheproofKey, _ string) []byte { return unhex(k.Uncompressed)[1:] }

func edKey(k wycheproofKey, _ string) []byte { return unhex(k.PK) }

// rsaDNSKey converts an RSAPublicKey of PKCS #1 to the form of RFC 3110, section 2.
func rsaDNSKey(_ wycheproofKey, der string) []byte {
	var k struct{ N, E asn1.RawValue }
	if _, err := asn1.Unmarshal(unhex(der), &k); err != nil {
		panic(err)
	}
	n, e := k.N.Bytes, k.E.Bytes
	for n[0] == 0 {
		n = n[1:]
	}
	return append(append([]byte{byte(len(e))}, e...), n...)
}

func asIs(sig []byte) ([]byte, bool) { return sig, true }

// fromDER converts a signature in strict DER to r and s of a fixed size.
func fromDER(size int) func([]byte) ([]byte, bool) {
	return func(der []byte) ([]byte, bool) {
		var v struct{ R, S asn1.RawValue }
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil || len(rest) > 0 {
			return nil, false
		}
		again, err := asn1.Marshal(v)
		if err != nil || string(again) != string(der) {
			return nil, false
		}
		var out []byte
		for _, x := range []asn1.RawValue{v.R, v.S} {
			b := x.Bytes
			if x.Tag != asn1.TagInteger || len(b) == 0 || b[0] >= 0x80 ||
				len(b) > 1 && b[0] == 0 && b[1] < 0x80 {
				return nil, false // not a non-negative integer in its shortest form
			}
			if b[0] == 0 {
				b = b[1:]
			}
			if len(b) > size {
				return nil, false
			}
			out = append(append(out, make([]byte, size-len(b))...), b...)
		}
		return out, true
	}
}
