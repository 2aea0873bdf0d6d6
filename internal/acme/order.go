// One order, from the key to the certificate.

package acme

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"

	"bailiwick/transport"
)

// issuer returns what orders from the authority of a configuration. at is where this server's own
// look-ups are answered.
func issuer(s *Settings, p *Parts, st *store, at *lookups) *certmagic.ACMEIssuer {
	t := certmagic.ACMEIssuer{CA: s.Directory, Email: s.Contact,
		Agreed: s.Agreed, Profile: s.Profile, TrustedRoots: s.Roots.Pool(),
		Resolver:             at.at.String(),
		DisableHTTPChallenge: true, DisableDistributedSolvers: true, Logger: newZap(p.Log),
		// Our own listeners answer the authority. certmagic opens one as well, unless somebody
		// listens there already: who answers the look-ups does.
		ListenHost: at.at.Addr().String(), AltTLSALPNPort: int(at.at.Port())}
	if s.EABKeyID != "" {
		t.ExternalAccount = &acme.EAB{KeyID: s.EABKeyID, MACKey: s.EABSecret}
	}
	if s.Challenge == DNS {
		t.DNS01Solver = newPublisher(s, p, st)
	}
	return certmagic.NewACMEIssuer(&certmagic.Config{Storage: st, Logger: t.Logger}, t)
}

// order orders the certificate of a configuration. former is the one before, nil if there is none.
func order(ctx context.Context, s *Settings, p *Parts, st *store, former *issued) (*issued, error) {
	at, err := answerLookUps(ctx, p.LookUp)
	if err != nil {
		return nil, failf(Unreachable, "no name can be looked up: %w", err)
	}
	defer at.Close()
	if s.Challenge == DNS {
		newPublisher(s, p, st).removeLeft(ctx)
	}
	key, err := s.key(former)
	if err != nil {
		return nil, failf(Unusable, "no key: %w", err)
	}
	req, err := s.request(key)
	if err != nil {
		return nil, failf(Unusable, "no request can be made: %w", err)
	}
	from := issuer(s, p, st, at)
	if err := from.PreCheck(ctx, s.identifiers(), false); err != nil {
		return nil, failf(Refused, "%w", err)
	}
	got, err := from.Issue(ctx, req)
	if err != nil {
		return nil, err
	}
	text, err := certmagic.PEMEncodePrivateKey(key)
	if err != nil {
		return nil, failf(Unusable, "%w", err)
	}
	c := &issued{For: s.wanted(), Chain: got.Certificate, Key: text, Obtained: wall(p),
		Ask: wall(p)}
	if err := c.read(); err != nil {
		return nil, failf(Unusable, "what was issued: %w", err)
	}
	if err := s.fits(c.pair.Leaf, wall(p)); err != nil {
		return nil, failf(Unusable, "what was issued: %w", err)
	}
	return c, nil
}

// key returns the key of the next certificate: a new one, unless that of the former one is kept.
func (s *Settings) key(former *issued) (crypto.Signer, error) {
	if s.KeepKey && former != nil {
		return certmagic.PEMDecodePrivateKey(former.Key)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// request returns the request for a certificate of all names and addresses.
func (s *Settings) request(key crypto.Signer) (*x509.CertificateRequest, error) {
	var t x509.CertificateRequest
	for _, name := range s.identifiers() {
		if a, err := netip.ParseAddr(name); err == nil {
			t.IPAddresses = append(t.IPAddresses, a.AsSlice())
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &t, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificateRequest(der)
}

// fits returns what is wrong with a certificate that was issued for a configuration.
func (s *Settings) fits(leaf *x509.Certificate, now time.Time) error {
	for _, name := range s.identifiers() {
		if err := leaf.VerifyHostname(strings.Replace(name, "*", "any", 1)); err != nil {
			return err
		}
	}
	if now.After(leaf.NotAfter) {
		return fmt.Errorf("it has ended on %s", leaf.NotAfter.Format(time.RFC3339))
	}
	return transport.CheckFeatures(leaf)
}
