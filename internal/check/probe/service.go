// Services with TLSA records: the certificates that they present.

package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"bailiwick/internal/check"
)

// Dialer opens connections.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// services asks the services of all TLSA names for their certificates.
func (p *Probe) services(ctx context.Context, o *check.Observations) {
	dial, timeout := p.c.Dial, p.c.Timeout
	if dial == nil {
		dial = (&net.Dialer{Timeout: timeout}).DialContext
	}
	var all sync.WaitGroup
	for i := range o.TLSA {
		t := &o.TLSA[i]
		t.Services = t.Services[:min(len(t.Services), check.MaxServices)]
		for k := range t.Services {
			s := &t.Services[k]
			if s.Err != "" {
				continue // there is no address
			}
			all.Go(func() {
				host := strings.TrimSuffix(t.Host.String(), ".")
				chain, err := present(ctx, dial, s.Addr, t.Port, host, timeout)
				if err != nil {
					s.Err = err.Error()
					return
				}
				for _, cert := range chain {
					s.Chain = append(s.Chain, cert.Raw)
				}
				s.PKIX = vouched(chain, host, o.Now)
			})
		}
	}
	all.Wait()
}

// vouched returns why no public authority vouches for a name, "" if one does.
func vouched(chain []*x509.Certificate, host string, now time.Time) string {
	others := x509.NewCertPool()
	for _, c := range chain[1:] {
		others.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Intermediates: others,
		CurrentTime: now})
	if err != nil {
		return err.Error()
	}
	return ""
}

// present returns the certificates of a service. The port that the TLSA name has decides how TLS
// begins: at once, or after the STARTTLS of mail protocols (RFC 3207, RFC 2595).
func present(ctx context.Context, dial Dialer, at netip.AddrPort, port uint16, host string,
	timeout time.Duration) ([]*x509.Certificate, error) {
	c, err := dial(ctx, "tcp", at.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if start := startTLS[port]; start != nil {
		if err := start(c); err != nil {
			return nil, fmt.Errorf("STARTTLS: %w", err)
		}
	}
	// The certificate is what is asked for: check judges it.
	t := tls.Client(c, &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	chain := t.ConnectionState().PeerCertificates
	if len(chain) == 0 {
		return nil, errors.New("the service presents no certificate")
	}
	return chain, nil
}

// startTLS are the protocols that begin without TLS, by port.
var startTLS = map[uint16]func(net.Conn) error{25: smtp, 587: smtp, 143: imap, 110: pop3}

func smtp(c net.Conn) error {
	r := bufio.NewReader(c)
	if err := reply(r, "220"); err != nil {
		return err
	}
	if err := say(c, "EHLO check.invalid"); err != nil {
		return err
	}
	if err := reply(r, "250"); err != nil {
		return err
	}
	if err := say(c, "STARTTLS"); err != nil {
		return err
	}
	return reply(r, "220")
}

func imap(c net.Conn) error {
	r := bufio.NewReader(c)
	if err := reply(r, "* OK"); err != nil {
		return err
	}
	if err := say(c, "a STARTTLS"); err != nil {
		return err
	}
	return reply(r, "a OK")
}

func pop3(c net.Conn) error {
	r := bufio.NewReader(c)
	if err := reply(r, "+OK"); err != nil {
		return err
	}
	if err := say(c, "STLS"); err != nil {
		return err
	}
	return reply(r, "+OK")
}

// say sends a line.
func say(c net.Conn, line string) error {
	_, err := c.Write([]byte(line + "\r\n"))
	return err
}

// reply reads a reply of one or more lines and compares how it begins. Lines of SMTP that others
// follow have a hyphen after the code.
func reply(r *bufio.Reader, want string) error {
	for range maxLines {
		var line []byte
		for len(line) < maxLine {
			b, err := r.ReadByte()
			if err != nil {
				return err
			}
			if b == '\n' {
				break
			}
			line = append(line, b)
		}
		text := strings.TrimRight(string(line), "\r")
		switch {
		case !strings.HasPrefix(text, want):
			return fmt.Errorf("the service says %.100q", text)
		case !strings.HasPrefix(text, want+"-"):
			return nil
		}
	}
	return errors.New("the service does not end its reply")
}
