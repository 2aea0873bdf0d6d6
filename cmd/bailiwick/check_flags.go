// What people write in the flags of the command check.

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/check"
	"bailiwick/internal/check/probe"
	"bailiwick/internal/config"
	"bailiwick/wire"
)

// checkSettings are the flags of a check, read.
type checkSettings struct {
	servers, parents []serverSpec
	files            []reportFile
	failOn           check.Severity
	noIPv4, noIPv6   bool
}

// serverSpec is a server as it is given: by name, by address, or both.
type serverSpec struct {
	name wire.Name
	addr netip.Addr
	port uint16
}

// reportFile is a file that a report is written to.
type reportFile struct{ format, path string }

// read reads the flags.
func (f *zoneCheck) read(name string) (*check.Observations, *checkSettings, error) {
	zone, err := wire.ParseName(name)
	if err != nil {
		return nil, nil, wrongUse("zone %q: %v", name, err)
	}
	o, s := &check.Observations{Zone: zone}, &checkSettings{}
	for _, step := range []func(*check.Observations, *checkSettings) error{
		f.readServers, f.readKeys, f.readNames, f.readTLSA, f.readRest} {
		if err := step(o, s); err != nil {
			return nil, nil, err
		}
	}
	return o, s, nil
}

func (f *zoneCheck) readServers(o *check.Observations, s *checkSettings) error {
	if f.noParent && len(f.parents) > 0 {
		return wrongUse("--no-parent and --parent-server: one of them")
	}
	for _, list := range []struct {
		texts []string
		specs *[]serverSpec
	}{{f.servers, &s.servers}, {f.parents, &s.parents}} {
		for _, text := range list.texts {
			spec, err := parseServer(text)
			if err != nil {
				return err
			}
			*list.specs = append(*list.specs, spec)
		}
	}
	o.Given = len(s.servers) > 0
	if !f.noParent {
		o.Parent = &check.Parent{}
	}
	return nil
}

// parseServer reads NAME, NAME=ADDRESS or ADDRESS, each with a port or without.
func parseServer(text string) (s serverSpec, err error) {
	s.port = 53
	name, at, both := strings.Cut(text, "=")
	if !both {
		at = text
	}
	host := at
	if _, err := netip.ParseAddr(at); err != nil {
		if h, p, err := net.SplitHostPort(at); err == nil {
			n, err := strconv.ParseUint(p, 10, 16)
			if err != nil || n == 0 {
				return s, wrongUse("server %q: %q is not a port", text, p)
			}
			host, s.port = h, uint16(n)
		}
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case err == nil:
		s.addr = a.Unmap()
	case both:
		return s, wrongUse("server %q: %q is not an address", text, host)
	default:
		name, both = host, true
	}
	if both {
		if s.name, err = wire.ParseName(name); err != nil {
			return s, wrongUse("server %q: %v", text, err)
		}
	}
	return s, nil
}

// resolve returns the addresses of servers that are given.
func (s *checkSettings) resolve(ctx context.Context, p *probe.Probe, specs []serverSpec) (
	servers []*check.Server, err error) {
	for _, spec := range specs {
		addrs := []netip.Addr{spec.addr}
		if !spec.addr.IsValid() {
			var why string
			if addrs, why = p.Addresses(ctx, spec.name); len(addrs) == 0 {
				return nil, fmt.Errorf("server %s: %s; give its address: %s=192.0.2.1",
					spec.name, why, spec.name)
			}
		}
		for _, a := range addrs {
			if s.noIPv4 && a.Is4() || s.noIPv6 && !a.Is4() {
				continue
			}
			servers = append(servers, &check.Server{Name: spec.name,
				Addr: netip.AddrPortFrom(a, spec.port)})
		}
	}
	return servers, nil
}

// readKeys reads the proposed DS set.
func (f *zoneCheck) readKeys(o *check.Observations, _ *checkSettings) error {
	var data wire.RDataList
	for _, list := range []struct {
		flag, kind string
		texts      []string
	}{{"--ds", "DS", f.ds}, {"--dnskey", "DNSKEY", f.dnskey}} {
		for _, text := range list.texts {
			records, err := readRecords(text, list.kind, o.Zone)
			if err != nil {
				return wrongUse("%s: %v", list.flag, err)
			}
			for _, d := range records {
				if !data.Has(d) {
					data = data.Append(d)
				}
			}
		}
	}
	if data.Len() > 0 {
		o.Proposed = &wire.RRset{Name: o.Zone, Type: wire.TypeDS, Class: wire.ClassIN, Data: data}
	}
	return nil
}

// readRecords returns the DS RDATA of records: those of a text, or of a file of which it is the
// path. RDATA alone are those of the zone.
func readRecords(text, kind string, zone wire.Name) (ds [][]byte, err error) {
	fields := strings.Fields(text)
	if len(fields) >= 4 {
		if _, err := strconv.ParseUint(fields[0], 10, 16); err == nil {
			text = zone.String() + " IN " + kind + " " + text
		}
	} else {
		b, err := os.ReadFile(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither a record of four fields or more nor a "+
				"file: %w", text, err)
		}
		text = string(b)
	}
	p := dns.NewZoneParser(strings.NewReader(text+"\n"), zone.String(), "")
	p.SetDefaultTTL(0)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		owner, err := wire.ParseName(rr.Header().Name)
		switch {
		case err != nil:
			return nil, err
		case owner != zone:
			return nil, fmt.Errorf("a record of %s, not of %s", owner, zone)
		}
		d, err := dsOf(rr, zone)
		if err != nil {
			return nil, err
		}
		ds = append(ds, d)
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	if len(ds) == 0 {
		return nil, fmt.Errorf("there is no %s record", kind)
	}
	return ds, nil
}

// dsOf returns the DS RDATA of a DS or DNSKEY record.
func dsOf(rr dns.RR, zone wire.Name) ([]byte, error) {
	buf := make([]byte, dns.Len(rr)+64)
	end, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return nil, err
	}
	rdata := buf[end-int(rr.Header().Rdlength) : end]
	switch rr := rr.(type) {
	case *dns.DS:
		digest, err := hex.DecodeString(rr.Digest)
		want := map[uint8]int{1: 20, 2: 32, 4: 48}[rr.DigestType]
		if err != nil || want > 0 && len(digest) != want {
			return nil, fmt.Errorf("the digest of DS %d has %d octets, not %d", rr.KeyTag,
				len(digest), want)
		}
		return rdata, nil
	case *dns.DNSKEY:
		if len(rdata) < 5 {
			return nil, fmt.Errorf("the key of %s is empty", zone)
		}
		return check.DS(zone, rdata), nil
	}
	return nil, fmt.Errorf("a record of type %s, not DS or DNSKEY",
		dns.TypeToString[rr.Header().Rrtype])
}

// readAnchors returns trust anchors: records, or the lines of files.
func readAnchors(texts []string) (records []string, err error) {
	for _, text := range texts {
		if len(strings.Fields(text)) < 4 {
			b, err := os.ReadFile(text)
			if err != nil {
				return nil, wrongUse("--anchor: %v", err)
			}
			text = string(b)
		}
		p := dns.NewZoneParser(strings.NewReader(text+"\n"), ".", "")
		p.SetDefaultTTL(0)
		had := len(records)
		for rr, ok := p.Next(); ok; rr, ok = p.Next() {
			records = append(records, strings.ReplaceAll(rr.String(), "\t", " "))
		}
		switch {
		case p.Err() != nil:
			return nil, wrongUse("--anchor: %v", p.Err())
		case len(records) == had:
			return nil, wrongUse("--anchor: there is no record in a file")
		}
	}
	return records, nil
}

// inZone returns a name of the zone that may be given without its end.
func inZone(text string, zone wire.Name) (wire.Name, error) {
	n, err := wire.ParseName(text)
	if err != nil || n.Within(zone) {
		return n, err
	}
	if strings.HasSuffix(text, ".") {
		return n, fmt.Errorf("%s is not in %s", n, zone)
	}
	return wire.ParseName(text + "." + strings.TrimSuffix(zone.String(), "."))
}

func (f *zoneCheck) readNames(o *check.Observations, _ *checkSettings) error {
	for _, text := range f.names {
		name, kind, typed := strings.Cut(text, "/")
		n, err := inZone(name, o.Zone)
		if err != nil {
			return wrongUse("--names %q: %v", text, err)
		}
		types := []wire.Type{wire.TypeA, wire.TypeAAAA}
		if typed {
			t, ok := wire.ParseType(kind)
			if !ok || t.IsMeta() {
				return wrongUse("--names %q: %q is not a type of data", text, kind)
			}
			types = []wire.Type{t}
		}
		for _, t := range types {
			o.Compare = append(o.Compare, wire.Question{Name: n, Type: t, Class: wire.ClassIN})
		}
	}
	return nil
}

// readTLSA reads the names of TLSA records: a port, a transport, and a host (RFC 6698, section 3).
func (f *zoneCheck) readTLSA(o *check.Observations, _ *checkSettings) error {
	for _, text := range f.tlsa {
		name, at, given := strings.Cut(text, "=")
		n, err := inZone(name, o.Zone)
		if err != nil {
			return wrongUse("--tlsa %q: %v", text, err)
		}
		number, ok := strings.CutPrefix(n.Label(), "_")
		port, err := strconv.ParseUint(number, 10, 16)
		if !ok || err != nil || port == 0 || n.Parent().Label() != "_tcp" {
			return wrongUse("--tlsa %q: want a port, _tcp and a host, as in _443._tcp.www", text)
		}
		t := check.TLSA{Name: n, Host: n.Parent().Parent(), Port: uint16(port)}
		if given {
			a, err := netip.ParseAddrPort(at)
			if err != nil {
				return wrongUse("--tlsa %q: %q is not an address with a port", text, at)
			}
			t.Services = []check.Service{{Addr: a}}
		}
		o.TLSA = append(o.TLSA, t)
	}
	return nil
}

func (f *zoneCheck) readRest(o *check.Observations, s *checkSettings) error {
	var err error
	if s.failOn, err = check.ParseSeverity(f.failOn); err != nil {
		return wrongUse("--fail-on %v", err)
	}
	if !slices.Contains(reportFormats, f.format) {
		return wrongUse("--format %q: want one of %s", f.format, strings.Join(reportFormats, ", "))
	}
	for _, text := range f.write {
		format, path, ok := strings.Cut(text, "=")
		if !ok || path == "" || !slices.Contains(reportFormats, format) {
			return wrongUse("--write %q: want FORMAT=FILE, with one of %s", text,
				strings.Join(reportFormats, ", "))
		}
		s.files = append(s.files, reportFile{format, path})
	}
	for _, family := range []struct {
		flag, text string
		off        *bool
	}{{"--ipv4", f.ipv4, &s.noIPv4}, {"--ipv6", f.ipv6, &s.noIPv6}} {
		if family.text != "on" && family.text != "off" {
			return wrongUse("%s %q: want on or off", family.flag, family.text)
		}
		*family.off = family.text == "off"
	}
	if s.noIPv4 && s.noIPv6 {
		return wrongUse("--ipv4 off and --ipv6 off: no address is left")
	}
	if f.timeout <= 0 || f.maxTime <= 0 {
		return wrongUse("--timeout and --max-time have to be longer than 0")
	}
	if f.maxTime > check.MaxTime {
		return wrongUse("--max-time: at most %s", check.MaxTime)
	}
	if f.leadTime != "" {
		d, err := readDays(f.leadTime)
		if err != nil {
			return wrongUse("--lead-time %q: want a time such as 7d or 36h", f.leadTime)
		}
		o.LeadTime = d
	}
	return nil
}

// readDays reads a duration that is longer than 0, as the configuration has them.
func readDays(s string) (time.Duration, error) {
	d, err := config.ParseDuration(s)
	if err == nil && d <= 0 {
		err = fmt.Errorf("not longer than 0")
	}
	return d, err
}
