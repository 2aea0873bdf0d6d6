// Keys and signatures.

package lab

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/miekg/dns"
)

// AlgorithmEd448 is Ed448's number; miekg/dns does not sign with it.
const AlgorithmEd448 = 16

// key is a key pair.
type key struct {
	*dns.DNSKEY
	private crypto.PrivateKey
}

// rsaKeys are kept for the process, because generating one takes long: one for each size and turn.
var rsaKeys sync.Map // [2]int{bits, turn} -> *rsa.PrivateKey

// newKey returns a new key for a zone. turn distinguishes RSA keys of one size. One key in 65,536
// has the tag 0, which miekg/dns takes for none; it is not used.
func newKey(zone string, alg uint8, bits int, flags uint16, turn int) (*key, error) {
	for {
		k, err := anyKey(zone, alg, bits, flags, turn)
		if err != nil || k.KeyTag() != 0 {
			return k, err
		}
		turn += 1000
	}
}

func anyKey(zone string, alg uint8, bits int, flags uint16, turn int) (*key, error) {
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET,
		Ttl: 300}, Flags: flags, Protocol: 3, Algorithm: alg}
	switch alg {
	case AlgorithmEd448:
		pub, priv, err := ed448.GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		k.PublicKey = base64.StdEncoding.EncodeToString(pub)
		return &key{k, priv}, nil
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		priv, err := rsaKey(bits, turn)
		if err != nil {
			return nil, err
		}
		e := octets(priv.E)
		k.PublicKey = base64.StdEncoding.EncodeToString(append(append([]byte{byte(len(e))}, e...),
			priv.N.Bytes()...))
		return &key{k, priv}, nil
	}
	size := 256
	if alg == dns.ECDSAP384SHA384 {
		size = 384
	}
	priv, err := k.Generate(size)
	return &key{k, priv}, err
}

// octets returns a number in its shortest form.
func octets(e int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(e))
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return b
}

func rsaKey(bits, turn int) (*rsa.PrivateKey, error) {
	id := [2]int{bits, turn}
	if k, ok := rsaKeys.Load(id); ok {
		return k.(*rsa.PrivateKey), nil
	}
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	kept, _ := rsaKeys.LoadOrStore(id, k)
	return kept.(*rsa.PrivateKey), nil
}

// window returns the validity period of a zone's signatures.
func (z *zone) window() (inception, expiration time.Time) {
	now := z.w.now.Add(z.w.skew)
	switch {
	case z.Faults.has(Expired):
		return now.Add(-60 * 24 * time.Hour), now.Add(-10 * 24 * time.Hour)
	case z.Faults.has(Future):
		return now.Add(10 * 24 * time.Hour), now.Add(60 * 24 * time.Hour)
	case z.Faults.has(Reversed):
		return now.Add(30 * 24 * time.Hour), now.Add(-time.Hour)
	}
	return now.Add(-time.Hour), now.Add(30 * 24 * time.Hour)
}

// maxSigned is how many signatures a zone keeps: online signing could make any number.
const maxSigned = 10000

// sign returns the signatures of a set, made once. labels is the owner's count that goes into them,
// for wildcards.
func (z *zone) sign(set []dns.RR, owner string) []dns.RR {
	if !z.isSigned() || len(set) == 0 {
		return nil
	}
	t := set[0].Header().Rrtype
	id := fmt.Sprint(owner, "/", t)
	z.mu.Lock()
	defer z.mu.Unlock()
	if sigs, ok := z.signed[id]; ok {
		return sigs
	}
	var sigs []dns.RR
	if t == dns.TypeDNSKEY || !z.Faults.has(MissingSignatures) {
		sigs = z.signatures(set, owner, t)
	}
	if len(z.signed) < maxSigned {
		z.signed[id] = sigs
	}
	return sigs
}

// signatures signs a set with all keys that do.
func (z *zone) signatures(set []dns.RR, owner string, t uint16) (sigs []dns.RR) {
	for _, k := range z.signing {
		sigs = append(sigs, z.signatureBy(k, set, owner, t))
	}
	if sigs == nil {
		sigs = []dns.RR{z.makeSignature(set, owner, t)}
	}
	return sigs
}

// makeSignature signs a set with the zone's key, with its faults applied. They do not apply to the
// DNSKEY set, but for the missing signature of its own.
func (z *zone) makeSignature(set []dns.RR, owner string, t uint16) dns.RR {
	switch {
	case z.wrong != nil && t != dns.TypeDNSKEY:
		return z.signatureBy(z.wrong, set, owner, t)
	case z.Faults.has(MissingKSKSignature):
		return z.signatureBy(z.keys[1], set, owner, t)
	}
	return z.signatureBy(z.keys[0], set, owner, t)
}

// signatureBy signs a set with a key, with the zone's faults applied.
func (z *zone) signatureBy(k *key, set []dns.RR, owner string, t uint16) dns.RR {
	inception, expiration := z.window()
	if t == dns.TypeDNSKEY {
		now := z.w.now.Add(z.w.skew)
		inception, expiration = now.Add(-time.Hour), now.Add(30*24*time.Hour)
	}
	sig := &dns.RRSIG{Hdr: z.header(owner, dns.TypeRRSIG), Algorithm: k.Algorithm,
		KeyTag: k.KeyTag(), SignerName: z.name,
		Inception: uint32(inception.Unix()), Expiration: uint32(expiration.Unix())}
	sig.Hdr.Ttl = set[0].Header().Ttl
	if err := k.sign(sig, set); err != nil {
		panic(fmt.Sprintf("lab: signing %s/%s: %v", owner, dns.TypeToString[t], err))
	}
	if z.Faults.has(CorruptSignatures) && t != dns.TypeDNSKEY {
		raw, _ := base64.StdEncoding.DecodeString(sig.Signature) // ours, a line above
		raw[len(raw)/2] ^= 0x40
		sig.Signature = base64.StdEncoding.EncodeToString(raw)
	}
	return sig
}

// sign computes a signature.
func (k *key) sign(sig *dns.RRSIG, set []dns.RR) error {
	switch p := k.private.(type) {
	case ed448.PrivateKey:
		return signEd448(p, sig, set)
	case *rsa.PrivateKey:
		return sig.Sign(p, set)
	case *ecdsa.PrivateKey:
		return sig.Sign(p, set)
	case ed25519.PrivateKey:
		return sig.Sign(p, set)
	}
	return fmt.Errorf("private key of type %T", k.private)
}

// signEd448 computes a signature (RFC 8080, section 4) over the data of RFC 4034, section 3.1.8.1.
func signEd448(p ed448.PrivateKey, sig *dns.RRSIG, set []dns.RR) error {
	h := set[0].Header()
	sig.TypeCovered, sig.OrigTtl, sig.Labels = h.Rrtype, h.Ttl, uint8(dns.CountLabel(h.Name))
	if strings.HasPrefix(h.Name, "*.") {
		sig.Labels--
	}
	bare := *sig
	bare.Signature = ""
	data := rdata(&bare)
	var records [][]byte
	var start int // of the RDATA
	for _, rr := range set {
		buf := make([]byte, 4096)
		rr = dns.Copy(rr)
		rr.Header().Ttl = sig.OrigTtl
		n, err := dns.PackRR(rr, buf, 0, nil, false)
		if err != nil {
			return err
		}
		records, start = append(records, buf[:n]), n-int(rr.Header().Rdlength)
	}
	// canonical order is that of the RDATA alone (RFC 4034, section 6.3)
	slices.SortFunc(records, func(a, b []byte) int { return bytes.Compare(a[start:], b[start:]) })
	data = append(data, slices.Concat(records...)...)
	sig.Signature = base64.StdEncoding.EncodeToString(ed448.Sign(p, data, ""))
	return nil
}

// rdata returns a record's RDATA in wire form.
func rdata(rr dns.RR) []byte {
	buf := make([]byte, 4096)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		panic("lab: " + err.Error())
	}
	return buf[n-int(rr.Header().Rdlength) : n]
}

// ds returns the DS that the parent publishes for this zone.
func (z *zone) ds() dns.RR {
	digest := z.Digest
	if digest == 0 {
		digest = dns.SHA256
	}
	if digest > dns.SHA384 || digest == 3 { // not implemented anywhere
		d := z.keys[0].ToDS(dns.SHA256)
		d.DigestType = digest
		return d
	}
	k := z.keys[0]
	if z.Faults.has(StuckRegistrar) {
		k = z.former
	}
	d := k.ToDS(digest)
	if z.Faults.has(DSMismatch) {
		d.Digest = strings.Repeat("ab", len(d.Digest)/2)
	}
	return d
}
