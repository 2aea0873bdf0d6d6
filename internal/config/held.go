// Zones that a copy is kept of.

package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bailiwick/internal/web"
	"bailiwick/secondary"
	"bailiwick/wire"
)

// HeldZone is a zone that a copy is kept of, as the file has it.
type HeldZone struct {
	secondary.Zone
	Key      string // what it is called in findings: zones.held[0]
	TSIG     string // name of the key of transfers, "" for none
	TLSName  string // that the primaries have to have, "" for no TLS
	TLSRoots string // path of certificates that theirs are issued by, "" for the system's
	Fallback bool   // the zone's servers have the same data, and are asked without a usable copy
}

// TSIGKey is a key of transfers, as the file has it.
type TSIGKey struct {
	secondary.Key
	Item       string // what it is called in findings: zones.tsig_keys[0]
	SecretFile string // path of a file with the secret, "" if it is given
}

var heldFields = []string{"name", "primaries[]", "tsig", "tls_name", "tls_ca/", "url", "file/",
	"zonemd", "notify_from[]", "fallback"}

// digests are the choices of zonemd.
var digests = map[string]secondary.Digest{"": secondary.DigestIfPresent,
	"if_present": secondary.DigestIfPresent, "required": secondary.DigestRequired,
	"off": secondary.DigestOff}

func setHeld(c *Config, v value) error {
	c.Held = nil
	return v.each(func(i int, r record) error {
		z, err := heldZone(r)
		z.Key = Item("zones.held", i)
		if !z.Name.IsZero() {
			if j := slices.IndexFunc(c.Held,
				func(o HeldZone) bool { return o.Name == z.Name }); j >= 0 {
				return errors.Join(err, inField("name", fmt.Errorf(
					"zone %s is given twice, here and as %s", z.Name, c.Held[j].Key)))
			}
		}
		if len(c.Held) == secondary.MaxZones {
			return fmt.Errorf("there may be %d zones at most", secondary.MaxZones)
		}
		c.Held = append(c.Held, z)
		return err
	})
}

func heldZone(r record) (z HeldZone, err error) {
	var errs []error
	note := func(field string, err error) { errs = append(errs, inField(field, err)) }
	z.Name, err = zoneName(r)
	errs = append(errs, err)
	z.Fallback = true
	if r.text("fallback") != "" {
		z.Fallback, err = truth(r, "fallback")
		note("fallback", err)
	}
	z.Primaries, err = eachItem(r["primaries"], primary)
	note("primaries", err)
	z.TSIG, z.TLSName, z.TLSRoots = r.text("tsig"), r.text("tls_name"), r.text("tls_ca")
	z.URL, z.File = r.text("url"), r.text("file")
	if z.URL != "" {
		note("url", web.CheckURL(z.URL))
	}
	d, ok := digests[strings.ToLower(r.text("zonemd"))]
	if z.Digest = d; !ok {
		note("zonemd", fmt.Errorf("zonemd %q is not if_present, required or off",
			r.text("zonemd")))
	}
	z.NotifyFrom, err = prefixes(r["notify_from"])
	note("notify_from", err)
	switch {
	case len(r["primaries"]) == 0 && z.URL == "" && z.File == "":
		errs = append(errs, fmt.Errorf("zone %s has neither primaries nor a url nor a file",
			z.Name))
	case len(r["primaries"]) == 0 && (z.TSIG != "" || z.TLSName != "" || z.TLSRoots != ""):
		errs = append(errs, fmt.Errorf("zone %s: tsig, tls_name and tls_ca are for primaries",
			z.Name))
	case z.TLSRoots != "" && z.TLSName == "":
		note("tls_ca", errors.New("tls_ca needs tls_name: who the primaries have to be"))
	case z.Name.IsRoot() && !z.Fallback:
		note("fallback", errors.New("the root's servers have to be asked when its copy cannot "+
			"be used; for another root name its servers in resolver.root_hints"))
	}
	return z, errors.Join(errs...)
}

// primary reads a server that zones are transferred from: an address or a name, with @ or, after an
// address, a colon before the port.
func primary(s string) (p secondary.Primary, err error) {
	if a, err := address(s, 0); err == nil {
		return secondary.Primary{Addr: a.Addr(), Port: a.Port()}, nil
	}
	host, port, ported := strings.Cut(s, "@")
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return p, fmt.Errorf("%q is not a server such as 192.0.2.1, 192.0.2.1@5353 or "+
			"ns.example.net", s)
	}
	if p.Name, err = wire.ParseName(host); err != nil {
		return p, fmt.Errorf("%q is not an address and no name: %w", s, err)
	}
	if top := p.Name.Ancestor(1).Label(); strings.Trim(top, "0123456789") == "" {
		return p, fmt.Errorf("%q is not an address, and no host has such a name", s)
	}
	if ported {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return p, fmt.Errorf("%q: %q is not a port from 1 to 65535", s, port)
		}
		p.Port = uint16(n)
	}
	return p, nil
}

func setTSIGKeys(c *Config, v value) error {
	c.TSIGKeys = nil
	return v.each(func(i int, r record) error {
		k := TSIGKey{Item: Item("zones.tsig_keys", i), SecretFile: r.text("secret_file")}
		name, err := wire.ParseName(r.text("name"))
		if err != nil || r.text("name") == "" {
			return inField("name", fmt.Errorf("%q is not a name of a key", r.text("name")))
		}
		k.Name = name.String()
		algorithm, ok := r.text("algorithm"), false
		if algorithm == "" {
			algorithm = "hmac-sha256"
		}
		if k.Algorithm, ok = secondary.Algorithm(algorithm); !ok {
			return inField("algorithm", fmt.Errorf(
				"algorithm %q is not hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224 or "+
					"hmac-sha1", algorithm))
		}
		switch secret := r.text("secret"); {
		case (secret == "") == (k.SecretFile == ""):
			return fmt.Errorf("key %s needs secret or secret_file", name)
		case secret != "":
			if k.Secret, err = base64.StdEncoding.DecodeString(secret); err != nil {
				return inField("secret", errors.New("the secret is not in base64"))
			}
		}
		if slices.ContainsFunc(c.TSIGKeys, func(o TSIGKey) bool { return o.Name == k.Name }) {
			return inField("name", fmt.Errorf("key %s is given twice", name))
		}
		c.TSIGKeys = append(c.TSIGKeys, k)
		return nil
	})
}

// heldContradictions finds zones that cannot be kept beside others.
func (c *Config) heldContradictions(say reporter) {
	for i := range c.Held {
		z := &c.Held[i]
		if z.Name.IsZero() {
			continue
		}
		if z.Name.IsRoot() && c.LocalRoot {
			say(z.Key, "the root is kept twice: as this and by zones.local_root")
		}
		for _, o := range c.Zones {
			switch {
			case o.Name == z.Name:
				say(z.Key, "zone %s is also %s: a name has one kind of source", z.Name, o.Key)
			case z.Fallback && z.Name.Below(o.Name):
				say(z.Key, "zone %s is in %s, whose servers are not those that would be asked "+
					"without a copy: it needs fallback: false", z.Name, o.Key)
			}
		}
	}
	for _, o := range c.Zones {
		if c.LocalRoot && o.Name.IsRoot() {
			say("zones.local_root", "%s is for all names, so the copy of the root would not be "+
				"used", o.Key)
		}
	}
}
