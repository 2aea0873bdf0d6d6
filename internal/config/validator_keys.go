// The keys of trust anchors and of validation.

package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// validatorKeys are the rows of trust anchors and of validation.
var validatorKeys = []key{
	{key: "trust_anchors.builtin", kind: kindBool,
		help:    "trust the root's keys as IANA publishes them",
		binding: bind(func(c *Config) *bool { return &c.Anchors.Builtin })},
	{key: "trust_anchors.records", kind: kindList, help: "DS or DNSKEY records to trust",
		binding: bindList(func(c *Config) *[]string { return &c.Anchors.Records }, asIs)},
	{key: "trust_anchors.file", kind: kindPath,
		help:    "file with DS or DNSKEY records to trust, in zone-file form",
		binding: bind(func(c *Config) *string { return &c.Anchors.File })},
	{key: "trust_anchors.follow", kind: kindBool,
		help: "follow the keys of zones with trust anchors as they roll (RFC 5011): a new key is " +
			"trusted when it has been in the zone for 30 days, one that its owner revokes is not " +
			"any more; off, the configured anchors alone are trusted, for ever",
		binding: bind(func(c *Config) *bool { return &c.Anchors.Follow })},
	{key: "trust_anchors.fetch", kind: kindDuration, min: 0, max: 30 * 86400,
		help: "how often the root's anchors are downloaded from IANA and trusted beside the " +
			"others (RFC 9718), at least 1h; 0: never",
		binding: bind(func(c *Config) *time.Duration { return &c.Anchors.Fetch })},
	{key: "trust_anchors.url", kind: kindString,
		help:    "where they are, as XML; the signature is beside it, with .p7s in place of .xml",
		binding: bindText(func(c *Config) *string { return &c.Anchors.URL }, anchorURL)},
	{key: "trust_anchors.ca", kind: kindPath,
		help:    "PEM file with the certificates that sign them; empty: ICANN's",
		binding: bind(func(c *Config) *string { return &c.Anchors.CA })},
	{key: "trust_anchors.signal", kind: kindBool,
		help: "tell zones with trust anchors which keys are trusted, once a day (RFC 8145), so " +
			"that they know whom a roll would break",
		binding: bind(func(c *Config) *bool { return &c.Anchors.Signal })},
	{key: "trust_anchors.insecure", kind: kindRecords,
		fields: insecureFields,
		help: "negative trust anchors: names at and below which validation is off (RFC 7646), as " +
			"names, or with the reason, who wants it, and the time at which it ends; `ctl nta` " +
			"adds others for a while",
		binding: binding{set: setInsecure}},

	{key: "validator.validation", kind: kindBool,
		help: "validate; off: no trust anchor is used, no answer is secure, and none is refused " +
			"for its signatures; a server that has no trust anchor does not start without it",
		binding: bind(func(c *Config) *bool { return &c.Anchors.Validate })},
	{key: "validator.zones", kind: kindRecords, fields: modeFields,
		help: "how zones are validated, with the names below them; validate; permissive: answers " +
			"that do not verify are served unvalidated, counted and logged, and no answer is " +
			"secure; insecure: not at all; the longest name decides, and a trust anchor below it",
		binding: binding{set: setModes}},
	{key: "validator.time", kind: kindTime,
		help:    "judge signatures at this time instead of now; for tests",
		binding: bind(func(c *Config) *time.Time { return &c.Resolver.ValidationTime })},
	{key: "validator.ignore_signature_times", kind: kindBool,
		help:    "do not judge signature times at all; for tests",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Validation.IgnoreTimes })},
	{key: "validator.skew", kind: kindDuration, min: 0, max: 86400,
		help:    "how far this machine's clock may be off",
		binding: bind(func(c *Config) *time.Duration { return &c.Resolver.Validation.Skew })},
	{key: "validator.sha1", kind: kindBool,
		help: "validate RSA/SHA-1 signatures (algorithms 5 and 7); otherwise zones that have no " +
			"others are insecure (RFC 9905)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Validation.SHA1 })},
	{key: "validator.p256", kind: kindChoice, choices: []string{"auto", "standard"},
		help: "who verifies ECDSA P-256 signatures: auto, our own code where the processor can " +
			"and its known answers are right; standard, Go's library, two to five times slower",
		binding: bindChoice(func(c *Config) *bool { return &c.Resolver.Validation.StandardP256 },
			false, true)},
	{key: "validator.nsec3_iterations", kind: kindInt, min: 0, max: 150,
		help:    "NSEC3 iterations that are computed; above it zones are insecure (RFC 9276)",
		binding: bind(func(c *Config) *int { return &c.Resolver.Validation.MaxIterations })},
	{key: "validator.all_algorithms", kind: kindBool,
		help: "demand a valid signature by each supported algorithm that a zone's DS records or " +
			"anchors name, against a forger who has broken one of them; otherwise any one will " +
			"do (RFC 6840, section 5.11)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Validation.AllAlgorithms })},
	{key: "validator.missing_keys", kind: kindChoice, choices: []string{"bogus", "insecure"},
		help: "what a zone with a DS or an anchor is whose servers give no DNSKEY: bogus (RFC " +
			"4035, section 5.2); insecure lets whoever can keep the keys from this server turn " +
			"its validation off",
		binding: bindChoice(
			func(c *Config) *bool { return &c.Resolver.Validation.MissingKeysInsecure },
			false, true)},
	{key: "validator.signature_cache", kind: kindInt, min: 1, max: 1 << 24,
		help:    "signature checks whose result is remembered",
		binding: bind(func(c *Config) *int { return &c.Resolver.Validation.SignatureCache })},
}

// anchorURL reads the URL of an XML document.
func anchorURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" ||
		!strings.HasSuffix(u.Path, ".xml") {
		return "", fmt.Errorf("%q is not a URL such as https://data.iana.org/root-anchors/"+
			"root-anchors.xml", s)
	}
	return s, nil
}
