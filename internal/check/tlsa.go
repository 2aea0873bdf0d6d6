// TLSA records against the certificate that the service presents (RFC 6698, RFC 7671).

package check

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"bailiwick/wire"
)

// The usages of certificates (RFC 6698, section 2.1.1; RFC 7218).
const (
	usagePKIXTA = iota
	usagePKIXEE
	usageDANETA
	usageDANEEE
)

// mailPorts are those of SMTP between servers, where only usages 2 and 3 are used (RFC 7672,
// section 3.1.3).
const mailPort = 25

// tlsaRecord is the RDATA of a TLSA record.
type tlsaRecord struct {
	usage, selector, matching uint8
	data                      []byte
}

func (r tlsaRecord) String() string {
	return fmt.Sprintf("%d %d %d %x", r.usage, r.selector, r.matching, r.data[:min(8, len(r.data))])
}

// tlsa judges the TLSA records of the operator's choice.
func (j *judge) tlsa() {
	for _, t := range j.o.TLSA {
		q := ask(t.Name, wire.TypeTLSA)
		var set *wire.RRset
		for _, s := range j.o.Servers {
			c := classify(q, s.reply(q, Usual).Msg)
			switch {
			case c.kind == wire.KindAnswer:
				set = c.sets[0]
				if j.trust[s].Status != wire.Secure {
					j.add("tlsa-unsigned", where{s, text(q)}, "the zone is not signed")
				}
			case c.kind.IsDenial():
				j.add("tlsa-missing", where{s, text(q)}, "no TLSA at %s", t.Name)
			}
		}
		if set == nil {
			continue
		}
		records := j.tlsaRecords(q, t, set)
		matched := make([]bool, len(records))
		for _, service := range t.Services {
			j.service(q, t, service, records, matched)
		}
		for i, r := range records {
			if !matched[i] && anyOf(matched) {
				j.add("tlsa-partial", where{question: text(q)}, "%s", r)
			}
		}
	}
}

// anyOf reports whether one of the values is true.
func anyOf(values []bool) bool {
	for _, v := range values {
		if v {
			return true
		}
	}
	return false
}

// tlsaRecords returns the records of a set that can be used.
func (j *judge) tlsaRecords(q wire.Question, t TLSA, set *wire.RRset) (records []tlsaRecord) {
	at := where{question: text(q)}
	for d := range set.Data.All() {
		if len(d) < 4 {
			j.add("tlsa-malformed", at, "%x", d)
			continue
		}
		r := tlsaRecord{d[0], d[1], d[2], d[3:]}
		size := map[uint8]int{0: len(r.data), 1: sha256.Size, 2: sha512.Size}[r.matching]
		switch {
		case r.usage > usageDANEEE || r.selector > 1 || r.matching > 2 || len(r.data) != size:
			j.add("tlsa-malformed", at, "%s (%d octets of data)", r, len(r.data))
			continue
		case t.Port == mailPort && r.usage < usageDANETA:
			j.add("tlsa-usage", at, "%s", r)
		}
		records = append(records, r)
	}
	return records
}

// service judges one address of a service.
func (j *judge) service(q wire.Question, t TLSA, s Service, records []tlsaRecord,
	matched []bool) {
	at := where{question: text(q)}
	if s.Err != "" {
		if s.Addr.IsValid() {
			s.Err = s.Addr.String() + ": " + s.Err
		}
		j.add("tlsa-unreachable", at, "%s", s.Err)
		return
	}
	var why []string
	ok := false
	for i, r := range records {
		if reason := j.fits(r, t, s); reason == "" {
			matched[i], ok = true, true
		} else {
			why = append(why, fmt.Sprintf("%s: %s", r, reason))
		}
	}
	if !ok {
		sum := ""
		if leaf, err := x509.ParseCertificate(first(s.Chain)); err == nil {
			sum = fmt.Sprintf("; the service's own is 3 1 1 %x",
				sha256.Sum256(leaf.RawSubjectPublicKeyInfo))
		}
		j.add("tlsa-mismatch", at, "%s: %s%s", s.Addr, strings.Join(why, "; "), sum)
	}
}

// first returns the first of a list, nil if it is empty.
func first(chain [][]byte) []byte {
	if len(chain) == 0 {
		return nil
	}
	return chain[0]
}

// fits returns why a record does not authenticate a service, "" if it does.
func (j *judge) fits(r tlsaRecord, t TLSA, s Service) string {
	var chain []*x509.Certificate
	for _, der := range s.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return "the certificate cannot be read"
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return "there is no certificate"
	}
	switch r.usage {
	case usageDANEEE: // the name and the dates do not count (RFC 7671, section 5.1)
		if !r.matches(chain[0]) {
			return "not of the service's certificate"
		}
		return ""
	case usagePKIXEE:
		if !r.matches(chain[0]) {
			return "not of the service's certificate"
		}
		return s.PKIX
	case usagePKIXTA:
		if slices.ContainsFunc(chain[1:], r.matches) {
			return s.PKIX
		}
		return "not of an authority that the service presents"
	}
	return j.underAnchor(r, t, chain)
}

// underAnchor returns why a chain does not lead to the authority of a DANE-TA record (RFC 7671,
// section 5.2): there the name and the dates count.
func (j *judge) underAnchor(r tlsaRecord, t TLSA, chain []*x509.Certificate) string {
	roots, others, found := x509.NewCertPool(), x509.NewCertPool(), false
	for _, c := range chain {
		if r.matches(c) {
			roots.AddCert(c)
			found = true
		} else {
			others.AddCert(c)
		}
	}
	if r.selector == 0 && r.matching == 0 {
		if c, err := x509.ParseCertificate(r.data); err == nil {
			roots.AddCert(c) // the authority itself need not be presented
			found = true
		}
	}
	if !found {
		return "not of an authority that the service presents"
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: others,
		DNSName: strings.TrimSuffix(t.Host.String(), "."), CurrentTime: j.o.Now})
	if err != nil {
		return err.Error()
	}
	return ""
}

// matches reports whether a record is of a certificate (RFC 6698, section 2.1).
func (r tlsaRecord) matches(c *x509.Certificate) bool {
	data := c.Raw
	if r.selector == 1 {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.matching {
	case 1:
		sum := sha256.Sum256(data)
		data = sum[:]
	case 2:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return bytes.Equal(data, r.data)
}
