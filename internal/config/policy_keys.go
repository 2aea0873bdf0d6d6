// The keys of policy: special names, local data, block lists, policy zones and access.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// policyKeys are the rows of policy.
var policyKeys = []key{
	{key: "policy.special_names", kind: kindBool,
		help: "answer localhost, reverse names of private addresses and other special-use names " +
			"here (RFC 6761, RFC 6303), but for stub and forward zones",
		binding: bind(func(c *Config) *bool { return &c.Server.Special })},
	{key: "policy.ordinary_names", kind: kindList,
		help: "special-use names that are resolved as any other, such as local or home.arpa",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Server.Ordinary },
			specialNames)},
	{key: "policy.special_server", kind: kindString,
		help: "name that denials of special names give as the primary server of their zone " +
			"(MNAME); empty: the zone itself (RFC 6303)",
		binding: binding{set: setSpecialServer}},
	{key: "policy.local_zones", kind: kindRecords, fields: []string{"name", "type"},
		help: "zones of this server's own, by what is said of names in them without records in " +
			"policy.local_records: " + strings.Join(localdata.TypeNames(), ", "),
		binding: binding{set: setLocalZones}},
	{key: "policy.local_records", kind: kindList,
		help: "records that are served here, in the syntax of zone files with complete names, " +
			"such as \"printer.corp.example 300 A 192.0.2.7\"",
		binding: bindList(func(c *Config) *[]string { return &c.LocalRecords }, asIs)},
	{key: "policy.hosts_files", kind: kindRecords, fields: []string{"file/"},
		help:    "files in the form of /etc/hosts whose names and addresses are served here",
		binding: binding{set: setHostsFiles}},
	{key: "policy.block_lists", kind: kindRecords, fields: listFields,
		help: "lists of names that are not resolved, nor those below them, each a file or what a " +
			"url (https) has, which is fetched again after refresh (1d): a name in each line or " +
			"the form of /etc/hosts; action is " +
			strings.Join(localdata.ActionNames(), ", ") + "; the longest name decides, and of " +
			"equal ones the first list",
		binding: binding{set: setBlockLists}},
	{key: "policy.rpz", kind: kindRecords, fields: policyFields,
		help: "response policy zones, the first one first, from sources as those of zones.held; " +
			"action is done in place of what their rules say: " +
			strings.Join(policyActions(), ", ") + " (with target); break_dnssec: true rewrites " +
			"secure answers also for clients that validate; wait_recurse: true resolves a " +
			"question before a rule about its name is applied; log: true logs each use; reason " +
			"is what clients are told of blocked names (EDE 15 to 17): " +
			strings.Join(reasons, ", "),
		binding: binding{set: setPolicyZones}},
	{key: "policy.private_addresses", kind: kindList,
		help: "networks whose addresses have an answer refused, against DNS rebinding, but for " +
			"names at or below policy.private_domains and in stub and forward zones",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Policy.Private.Networks },
			prefixes)},
	{key: "policy.private_domains", kind: kindList,
		help: "names at and below which answers may hold private addresses",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Policy.Private.Domains },
			domainNames)},
}

// accessKeys are the rows of who may ask.
var accessKeys = []key{
	{key: "policy.access", kind: kindRules,
		help: "who may ask besides this machine and private networks, or who of these may not: " +
			"networks with allow, snoop (also without RD, from the cache), refuse or drop, as " +
			"\"192.0.2.0/24 allow\" or {net: 192.0.2.0/24, action: allow}; the longest decides; " +
			"all others are refused; {replace: true, rules: [...]} in place of the list lets " +
			"nobody else ask",
		binding: bindAccess()},
	{key: "policy.refusals", kind: kindChoice, choices: []string{"full", "bare"},
		help: "what clients that may not ask get: full, REFUSED with their question and a reason" +
			"; bare, the header alone, which is of no use to amplify an attack; clients that " +
			"check the question (RFC 5452, section 9.1) take it for no answer",
		binding: bindChoice(func(c *Config) *bool { return &c.Server.BareRefusals },
			false, true)},
}

func setSpecialServer(c *Config, v value) (err error) {
	if c.Server.SpecialServer = (wire.Name{}); v.text == "" {
		return nil
	}
	if c.Server.SpecialServer, err = wire.ParseName(v.text); err != nil {
		return fmt.Errorf("%q is not a name: %w", v.text, err)
	}
	return nil
}

// specialNames reads names of special zones.
func specialNames(list []string) ([]wire.Name, error) {
	names, err := domainNames(list)
	if err != nil {
		return nil, err
	}
	var errs []error
	for i, n := range names {
		if !policy.IsSpecial(n) {
			errs = append(errs, inItem(i, fmt.Errorf("%s is not a special-use name: it is "+
				"resolved as any other", n)))
		}
	}
	return names, errors.Join(errs...)
}
