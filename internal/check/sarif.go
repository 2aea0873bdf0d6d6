// The report as SARIF 2.1.0, as code scanning shows results.

package check

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"strings"
)

// sarifSchema is the published schema, which a test holds the output to.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/" +
	"sarif-schema-2.1.0.json"

// The objects of SARIF that are used. Section numbers are those of the specification.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct { // 3.14
		Tool       sarifTool       `json:"tool"`
		Automation sarifAutomation `json:"automationDetails"`
		Results    []sarifResult   `json:"results"`
	}
	sarifAutomation struct { // 3.17
		ID string `json:"id"`
	}
	sarifTool struct { // 3.18
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct { // 3.19
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct { // 3.49
		ID      string       `json:"id"`
		Short   sarifText    `json:"shortDescription"`
		Help    sarifText    `json:"help"`
		Default sarifDefault `json:"defaultConfiguration"`
	}
	sarifDefault struct { // 3.50
		Level string `json:"level"`
	}
	sarifText struct { // 3.11
		Text string `json:"text"`
	}
	sarifResult struct { // 3.27
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct { // 3.28
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct { // 3.29
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct { // 3.4
		URI string `json:"uri"`
	}
	sarifRegion struct { // 3.30
		Line int `json:"startLine"`
	}
	sarifLogical struct { // 3.33
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
)

// levels are SARIF's words for severities (3.27.10).
var levels = [...]string{Notice: "note", Warning: "warning", Error: "error"}

// WriteSARIF writes the report as SARIF. Each result has a location with a relative URI, although a
// zone is not a file: GitHub refuses files with results that have none, or an empty one
// (github/codeql-action #1738, microsoft/sarif-sdk #2770). What stands before the last slash of the
// identifier is the category, of which one upload may have each but once (#872 of the former): the
// zone is in it. file is the zone's file in the
// repository, "" if there is none; then the zone's name stands for it.
func (r *Report) WriteSARIF(w io.Writer, file string) error {
	if file == "" {
		file = strings.TrimSuffix(r.Zone, ".")
		if file == "" {
			file = "root"
		}
	}
	name, version, _ := strings.Cut(r.Program, " ")
	driver := sarifDriver{Name: name, Version: Printable(version)}
	index := map[string]int{}
	for i, rule := range rules {
		index[rule.ID] = i
		help := rule.Remedy
		if rule.Reference != "" {
			help += " (" + rule.Reference + ")"
		}
		driver.Rules = append(driver.Rules, sarifRule{rule.ID, sarifText{rule.Title},
			sarifText{help}, sarifDefault{levels[rule.Severity]}})
	}
	run := sarifRun{Tool: sarifTool{driver}, Automation: sarifAutomation{"bailiwick-check/" +
		Printable(r.Zone) + "/"}, Results: []sarifResult{}}
	for _, f := range r.Findings {
		run.Results = append(run.Results, sarifResult{f.ID, index[f.ID], levels[f.Severity],
			sarifText{f.Title + ": " + f.line() + ". " + f.Remedy},
			[]sarifLocation{{sarifPhysical{sarifArtifact{(&url.URL{Path: file}).String()},
				sarifRegion{1}}, []sarifLogical{{Printable(r.Zone), "namespace"}}}},
			map[string]string{"finding/v1": f.fingerprint(r.Zone)}})
	}
	return WriteIndented(w, sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

// fingerprint identifies a finding from one check to the next: by zone, rule, servers and
// questions, not by the facts, which contain dates.
func (f *Finding) fingerprint(zone string) string {
	sum := sha256.Sum256([]byte(zone + "\x00" + f.ID + "\x00" + strings.Join(f.Servers, "\x00") +
		"\x01" + strings.Join(f.Questions, "\x00")))
	return hex.EncodeToString(sum[:16])
}
