// The root's trust anchors as IANA publishes them (RFC 9718): an XML document, and a signature
// under ICANN's certificate.

package trustanchor

import (
	"bytes"
	"crypto/x509"
	_ "embed" // for the certificates
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"

	"bailiwick/wire"
)

// icannRootCA and icannRootCA2 are the certificates that sign today, and from 2028 on.
var (
	//go:embed iana/icann-root-ca.pem
	icannRootCA []byte
	//go:embed iana/icann-root-ca-v2.pem
	icannRootCA2 []byte
)

// ICANN returns the certificates that IANA's anchors are signed under.
func ICANN() *x509.CertPool {
	roots := x509.NewCertPool()
	for _, pem := range [][]byte{icannRootCA, icannRootCA2} {
		if !roots.AppendCertsFromPEM(pem) {
			panic("trustanchor: the embedded certificate cannot be read")
		}
	}
	return roots
}

// signerAddress is the address in the certificate that signs the anchors; unbound-anchor demands
// the same. Other certificates under ICANN's are for other things.
const signerAddress = "dnssec@iana.org"

// emailAddress is the attribute of a certificate's subject that has it (RFC 2985, section 5.2.1).
var emailAddress = []int{1, 2, 840, 113549, 1, 9, 1}

// Published is a trust anchor of the root that IANA publishes.
type Published struct {
	ID          string
	DS          wire.DS
	From, Until time.Time // Until is zero where no end is known
}

// valid reports whether the anchor is to be used at a time (RFC 9718, section 2.2).
func (p *Published) valid(at time.Time) bool {
	return !at.Before(p.From) && (p.Until.IsZero() || at.Before(p.Until))
}

// verifyPublished verifies the signature of a document, in CMS (RFC 5652) and apart from it. The
// certificate that it was made with has to be valid at a time, and issued under one of roots.
func verifyPublished(document, signature []byte, roots *x509.CertPool, at time.Time) error {
	p, err := pkcs7.Parse(signature)
	if err != nil {
		return fmt.Errorf("the signature cannot be read: %w", err)
	}
	if len(p.Content) > 0 {
		return errors.New("the signature has a document of its own")
	}
	signer := p.GetOnlySigner()
	if signer == nil {
		return fmt.Errorf("the signature has %d signers, want one", len(p.Signers))
	}
	named := slices.Contains(signer.EmailAddresses, signerAddress)
	for _, n := range signer.Subject.Names {
		address, _ := n.Value.(string)
		named = named || n.Type.Equal(emailAddress) && address == signerAddress
	}
	if !named {
		return fmt.Errorf("the signature is by %s, want %s", signer.Subject, signerAddress)
	}
	if signer.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return fmt.Errorf("the certificate of %s is not for signatures", signer.Subject)
	}
	p.Content = document
	if err := p.VerifyWithChainAtTime(roots, at); err != nil {
		return fmt.Errorf("the signature is not valid: %w", err)
	}
	return nil
}

// published is the document.
type published struct {
	XMLName xml.Name `xml:"TrustAnchor"`
	Zone    []string
	Digests []struct {
		ID         string `xml:"id,attr"`
		ValidFrom  string `xml:"validFrom,attr"`
		ValidUntil string `xml:"validUntil,attr"`
		KeyTag     []string
		Algorithm  []string
		DigestType []string
		Digest     []string
		PublicKey  []string
		Flags      []string
	} `xml:"KeyDigest"`
}

// ReadPublished reads the document, without regard to its signature. What it does not know in it is
// ignored, for RFC 9718 has added to RFC 7958; what it knows has to be right.
func ReadPublished(document []byte) (all []Published, err error) {
	if len(document) > maxDocument {
		return nil, fmt.Errorf("the document has %d octets, more than %d", len(document),
			maxDocument)
	}
	var doc published
	d := xml.NewDecoder(bytes.NewReader(document))
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("the document cannot be read: %w", err)
	}
	if rest := bytes.TrimSpace(document[d.InputOffset():]); len(rest) > 0 {
		return nil, errors.New("the document goes on after its end")
	}
	if len(doc.Zone) != 1 || strings.TrimSpace(doc.Zone[0]) != "." {
		return nil, fmt.Errorf("the document is about zone %q, want the root", doc.Zone)
	}
	if len(doc.Digests) > maxPublished {
		return nil, fmt.Errorf("the document has %d anchors, more than %d", len(doc.Digests),
			maxPublished)
	}
	for i, k := range doc.Digests {
		p := Published{ID: k.ID}
		var number [3]uint64
		for j, f := range []struct {
			name string
			text []string
			bits int
		}{{"KeyTag", k.KeyTag, 16}, {"Algorithm", k.Algorithm, 8},
			{"DigestType", k.DigestType, 8}} {
			text, err := only(f.name, f.text)
			if err == nil {
				number[j], err = strconv.ParseUint(text, 10, f.bits)
			}
			if err != nil {
				return nil, fmt.Errorf("anchor %d: %s: %w", i+1, f.name, err)
			}
		}
		p.DS = wire.DS{KeyTag: uint16(number[0]), Algorithm: uint8(number[1]),
			Digest: uint8(number[2])}
		if err := p.read(k.Digest, k.ValidFrom, k.ValidUntil); err != nil {
			return nil, fmt.Errorf("anchor %d: %w", i+1, err)
		}
		if len(k.PublicKey) > 0 || len(k.Flags) > 0 {
			if err := p.agrees(k.PublicKey, k.Flags); err != nil {
				return nil, fmt.Errorf("anchor %d: %w", i+1, err)
			}
		}
		all = append(all, p)
	}
	return all, nil
}

// only returns the text of an element that has to be there once.
func only(name string, texts []string) (string, error) {
	if len(texts) != 1 {
		return "", fmt.Errorf("%s is there %d times, want once", name, len(texts))
	}
	return strings.TrimSpace(texts[0]), nil
}

// read reads the digest and the time in which the anchor is valid.
func (p *Published) read(digest []string, from, until string) error {
	text, err := only("Digest", digest)
	if err != nil {
		return err
	}
	if p.DS.Hash, err = hex.DecodeString(text); err != nil {
		return fmt.Errorf("the digest: %w", err)
	}
	if want, known := digestLengths[p.DS.Digest]; known && len(p.DS.Hash) != want {
		return fmt.Errorf("a digest of type %d has %d octets, this one %d", p.DS.Digest, want,
			len(p.DS.Hash))
	}
	if p.From, err = time.Parse(time.RFC3339, from); err != nil {
		return fmt.Errorf("validFrom: %w", err)
	}
	if until == "" {
		return nil
	}
	if p.Until, err = time.Parse(time.RFC3339, until); err != nil {
		return fmt.Errorf("validUntil: %w", err)
	}
	return nil
}

// agrees reports an error if the key that stands beside the digest is another one.
func (p *Published) agrees(public, flags []string) error {
	text, err := only("PublicKey", public)
	if err != nil {
		return err
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("the public key: %w", err)
	}
	if text, err = only("Flags", flags); err != nil {
		return err
	}
	f, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("the flags: %w", err)
	}
	data := append([]byte{byte(f >> 8), byte(f), 3, p.DS.Algorithm}, key...)
	if _, known := digestLengths[p.DS.Digest]; known && !matches(p.DS, wire.Root, data) {
		return fmt.Errorf("the key is not that of the digest (key tag %d)", p.DS.KeyTag)
	}
	return nil
}

// InUse returns the anchors of the root that are valid at a time, as a set; an error if none is.
func InUse(all []Published, at time.Time) (*Set, error) {
	var ds []wire.DS
	for i := range all {
		if p := &all[i]; p.valid(at) && !contains(ds, p.DS) {
			ds = append(ds, p.DS)
		}
	}
	if len(ds) == 0 {
		return nil, fmt.Errorf("none of %d anchors is valid on %s", len(all),
			at.UTC().Format(time.DateOnly))
	}
	return &Set{anchors: map[wire.Name][]wire.DS{wire.Root: ds}}, nil
}
