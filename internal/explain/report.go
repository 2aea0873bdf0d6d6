// Package explain tells why a name has the answer that it has: the chain of trust from an anchor to
// the data, and the link of it that is broken. A [Report] is made of the events of a real
// resolution and of the verdicts of its validator; nothing is validated a second time. The
// renderers (text, JSON, dot, SVG, HTML) know the report alone.
package explain

import "time"

// schemaVersion is the number of the report's form. It changes when a field gets another meaning or
// goes away; fields may be added to any.
const schemaVersion = 1

// Report is the explanation of a question.
type Report struct {
	Schema int       `json:"schema" help:"the number of this form"`
	Name   string    `json:"name" help:"that was asked for"`
	Type   string    `json:"type"`
	Time   time.Time `json:"time" help:"at which signatures are judged"`
	RCode  string    `json:"rcode" help:"of the answer that a client gets"`
	Status string    `json:"status" help:"secure, insecure, indeterminate, bogus or unchecked"`
	// Summary is a sentence.
	Summary string `json:"summary" help:"a sentence"`
	Packets int    `json:"packets" help:"that were sent to servers for it"`

	Instead *Fault `json:"instead,omitempty" help:"why clients get something else, by policy"`
	Broken  *Fault `json:"broken,omitempty" help:"the link that is broken, if there is no answer"`
	Reason  *Fault `json:"reason,omitempty" help:"why an answer is less than secure, if told"`
	Seen    []Seen `json:"seen,omitempty" help:"faults of servers that others made up for"`

	Steps      []Step       `json:"steps" help:"the alias chain; the last has the data"`
	Zones      []Zone       `json:"zones" help:"the chain of trust, parents before children"`
	Exchanges  []Exchange   `json:"exchanges" help:"servers that were asked, in order"`
	Exceptions []Exception  `json:"exceptions,omitempty" help:"from validation"`
	Policy     []Policy     `json:"policy,omitempty" help:"what policy says to the question"`
	Remembered []Remembered `json:"remembered,omitempty" help:"failures that the server has kept"`
	Notes      []string     `json:"notes,omitempty"`
}

// Fault is what is wrong: a cause, and the link of the chain that it breaks.
type Fault struct {
	Link    string  `json:"link" help:"what is broken, in words"`
	Kind    string  `json:"kind" help:"anchor, ds, dnskey, signature, denial, servers and others"`
	Zone    string  `json:"zone,omitempty" help:"at fault"`
	Server  string  `json:"server,omitempty" help:"that showed it"`
	Cause   string  `json:"cause" help:"the label in metrics and logs"`
	EDE     *uint16 `json:"ede,omitempty" help:"the Extended DNS Error (RFC 8914)"`
	Meaning string  `json:"meaning"`
	Detail  string  `json:"detail,omitempty" help:"key tags, dates, owner and type"`
	By      string  `json:"by" help:"who has to act"`
	Remedy  string  `json:"remedy"`
	Because []Fault `json:"because,omitempty" help:"the fault that led to it"`
}

// Seen is a fault that one server has shown.
type Seen struct {
	Server string `json:"server"`
	Zone   string `json:"zone"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Cause  string `json:"cause"`
	Detail string `json:"detail,omitempty"`
}

// Step is one name of the alias chain.
type Step struct {
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	Kind       string      `json:"kind" help:"answer, alias, no such type, no such name, failure"`
	Target     string      `json:"target,omitempty" help:"of the alias"`
	Status     string      `json:"status"`
	Zone       string      `json:"zone,omitempty" help:"whose keys sign it"`
	From       string      `json:"from" help:"the server, or the cache"`
	Records    []string    `json:"records,omitempty"`
	Signatures []Signature `json:"signatures,omitempty"`
	Denial     []string    `json:"denial,omitempty" help:"the proof in words"`
	Fault      *Fault      `json:"fault,omitempty"`
}

// Zone is a zone of the chain.
type Zone struct {
	Name          string      `json:"name"`
	Parent        string      `json:"parent,omitempty"`
	Status        string      `json:"status"`
	Anchors       []DS        `json:"anchors,omitempty" help:"trust anchors that it begins at"`
	DS            []DS        `json:"ds,omitempty" help:"at the parent"`
	DSSignatures  []Signature `json:"ds_signatures,omitempty"`
	NoDS          []string    `json:"no_ds,omitempty" help:"the denial of the DS, in words"`
	Keys          []Key       `json:"keys,omitempty"`
	KeySignatures []Signature `json:"key_signatures,omitempty"`
	Fault         *Fault      `json:"fault,omitempty"`
}

// DS is a DS record or a trust anchor.
type DS struct {
	Tag           uint16 `json:"tag"`
	Algorithm     uint8  `json:"algorithm"`
	AlgorithmName string `json:"algorithm_name"`
	Digest        uint8  `json:"digest"`
	DigestName    string `json:"digest_name"`
	Hash          string `json:"hash" help:"hexadecimal"`
	Matches       bool   `json:"matches" help:"a key of the zone"`
}

// Key is a DNSKEY record.
type Key struct {
	Tag           uint16 `json:"tag"`
	Algorithm     uint8  `json:"algorithm"`
	AlgorithmName string `json:"algorithm_name"`
	Bits          int    `json:"bits" help:"0 if the key cannot be read"`
	Flags         uint16 `json:"flags"`
	Role          string `json:"role" help:"KSK, ZSK, CSK, revoked, not a zone key"`
	Named         bool   `json:"named" help:"by a DS or an anchor"`
	Signs         bool   `json:"signs" help:"anything in this report"`
}

// Signature is an RRSIG record.
type Signature struct {
	Tag           uint16    `json:"tag"`
	Algorithm     uint8     `json:"algorithm"`
	AlgorithmName string    `json:"algorithm_name"`
	Covers        string    `json:"covers" help:"owner and type of what is signed"`
	Signer        string    `json:"signer"`
	Inception     time.Time `json:"inception"`
	Expiration    time.Time `json:"expiration"`
	Remaining     int64     `json:"remaining" help:"seconds; negative if it has expired"`
	State         string    `json:"state" help:"in time, expired, not yet valid, reversed"`
	Verified      bool      `json:"verified" help:"it is the one that was believed"`
	KeyKnown      bool      `json:"key_known" help:"the zone has a key of its tag and algorithm"`
}

// Exchange is a server that was asked, or a copy of a zone.
type Exchange struct {
	Server    string  `json:"server"`
	Zone      string  `json:"zone"`
	Name      string  `json:"name"`
	Type      string  `json:"type"`
	Transport string  `json:"transport"`
	Millis    float64 `json:"ms"`
	RCode     string  `json:"rcode,omitempty"`
	Outcome   string  `json:"outcome" help:"what the reply was taken for"`
	Verdict   string  `json:"verdict,omitempty"`
	Cause     string  `json:"cause,omitempty"`
}

// Exception is one that the operator has made from validation.
type Exception struct {
	Zone   string `json:"zone"`
	Cause  string `json:"cause"`
	Text   string `json:"text"`
	Remedy string `json:"remedy"`
}

// Policy is a word of the operator's policy.
type Policy struct {
	What  string `json:"what"`
	Value string `json:"value"`
}

// Remembered is a failure that is kept (RFC 9520).
type Remembered struct {
	Name   string    `json:"name"`
	Type   string    `json:"type"`
	Cause  string    `json:"cause"`
	Text   string    `json:"text"`
	First  time.Time `json:"first" help:"when it failed so for the first time in a row"`
	Last   time.Time `json:"last"`
	Until  time.Time `json:"until" help:"before which it is not tried again"`
	Count  int       `json:"count" help:"failures in a row"`
	Active bool      `json:"active" help:"clients are answered with it now"`
}
