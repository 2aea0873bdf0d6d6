// The JSON schema of configurations, for editors and pipelines.

package config

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"bailiwick/internal/localdata"
	"bailiwick/internal/preset"
	"bailiwick/transport"
)

// object is a JSON object.
type object = map[string]any

// Schema writes a JSON schema of the file, with the values that each key and field can have. Where
// a value can be written in several ways it has the usual ones; a variable of the environment may
// stand for any.
func Schema(w io.Writer) error {
	byDefault := defaults()
	root := object{includeKey: object{"description": includeHelp,
		"type": []string{"string", "array"}, "items": object{"type": "string"}}}
	for i := range keys {
		k := &keys[i]
		in := root
		sections, name := k.path()
		for _, s := range sections {
			if _, ok := in[s]; !ok {
				in[s] = object{"type": []string{"object", "null"}, "additionalProperties": false,
					"properties": object{}}
			}
			in = in[s].(object)["properties"].(object)
		}
		p := object{"description": k.help, "anyOf": k.forms()}
		if def := k.valueOf(byDefault).text; def != "" {
			p["default"] = def
		}
		if k.kind == kindChoice {
			p["examples"] = k.choices
		}
		in[name] = p
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(object{"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title": "Bailiwick configuration", "type": []string{"object", "null"},
		"additionalProperties": false, "properties": root})
}

// variable is a text with a variable of the environment.
var variable = object{"type": "string", "pattern": `\$\{`}

// texts is a list of texts, lines a list or a single text.
var (
	text  = object{"type": []string{"string", "number", "boolean"}}
	texts = object{"type": []string{"array", "null"}, "items": text}
	lines = []object{texts, text}
)

// truths are the ways to write what is true or false.
var truths = []object{{"type": "boolean"}, {"enum": []string{"true", "false", "yes", "no", "on",
	"off"}}, variable}

// oneOf are the ways to write one of several words. Where they are numbers, or true and false are
// among them, they stand without quotes as well.
func oneOf(words []string) []object {
	forms := []object{{"enum": words}, variable}
	if slices.Contains(words, strconv.FormatBool(true)) {
		forms = append(forms, truths...)
	}
	if _, err := strconv.Atoi(words[0]); err == nil {
		forms = append(forms, object{"type": "integer"})
	}
	return forms
}

// patterns of numbers with units.
const (
	durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d|w)?)+$`
	sizePattern     = `^[0-9]+ *(KiB|MiB|GiB)?$`
)

// forms are the schemas that a key's value may fit.
func (k *key) forms() []object {
	switch k.kind {
	case kindBool:
		return truths
	case kindInt:
		n := object{"type": "integer"}
		if k.min != 0 || k.max != 0 {
			n["minimum"], n["maximum"] = k.min, k.max
		}
		return []object{n, {"type": "string", "pattern": "^[0-9]+$"}, variable}
	case kindDuration:
		return []object{{"type": "string", "pattern": durationPattern},
			{"type": "integer", "minimum": k.min, "maximum": k.max}, variable}
	case kindSize:
		return []object{{"type": "string", "pattern": sizePattern}, {"type": "integer"}, variable}
	case kindChoice:
		return oneOf(k.choices)
	case kindList:
		return []object{texts}
	case kindRules:
		return []object{rules(), {"type": "object", "additionalProperties": false,
			"properties": object{"replace": object{"anyOf": truths}, "rules": rules()}}}
	case kindRecords:
		return []object{{"type": []string{"array", "null"},
			"items": object{"anyOf": []object{text, k.recordForm()}}}}
	}
	return []object{{"type": []string{"string", "number", "boolean", "null"}}}
}

// rules is the list of networks with what is done.
func rules() object {
	return object{"type": []string{"array", "null"}, "items": object{"anyOf": []object{
		{"type": "string"}, partsForm("access")}}}
}

// partsForm is what has several parts, as a map. The first has to be there, and of a list that can
// be fetched either its file or its URL.
func partsForm(list string) object {
	parts, fields := nested[list], object{}
	for _, p := range parts {
		fields[p] = fieldForm(list, p)
	}
	return object{"type": "object", "additionalProperties": false, "properties": fields,
		"anyOf": required(parts)}
}

// required are the fields of which one has to be there.
func required(names []string) []object {
	forms := []object{{"required": names[:1]}}
	if slices.Contains(names, "url") && names[0] == "file" {
		forms = append(forms, object{"required": []string{"url"}})
	}
	return forms
}

// recordForm is a record as a map.
func (k *key) recordForm() object {
	fields := object{}
	for _, f := range k.fieldNames() {
		fields[f] = k.fieldForm(f)
	}
	form := object{"type": "object", "additionalProperties": false, "properties": fields}
	if k.key != "policy.dns64" { // all of it has a default
		form["anyOf"] = required(k.fieldNames())
	}
	return form
}

// fieldForm is the schema of a field.
func (k *key) fieldForm(f string) object {
	own, parts := k.records(f), nested[f] != nil
	switch {
	case own != nil && k.isList(f):
		return object{"type": []string{"array", "null"},
			"items": object{"anyOf": []object{text, own.recordForm()}}}
	case own != nil:
		return object{"anyOf": []object{own.recordForm(), {"type": "null"}}}
	case f == "limits" || f == "query_log":
		return object{"anyOf": []object{texts, text, namedForm(f)}}
	case k.isList(f) && parts:
		return object{"type": []string{"array", "null"},
			"items": object{"anyOf": []object{text, partsForm(f)}}}
	case k.isList(f):
		return object{"anyOf": lines}
	}
	return fieldForm(k.key, f)
}

// namedForm is a map of the keys of a section.
func namedForm(section string) object {
	fields := object{}
	for i := range keys {
		if sections, name := keys[i].path(); sections != nil && strings.Join(sections,
			".") == section {
			fields[name] = object{"anyOf": keys[i].forms()}
		}
	}
	return object{"type": "object", "properties": fields}
}

// fieldForm is the schema of a field with one value.
func fieldForm(key, f string) object {
	words := fieldWords[f]
	if own, ok := fieldWords[key+" "+f]; ok {
		words = own
	}
	switch {
	case slices.Contains(truthFields, f):
		return object{"anyOf": append(slices.Clone(truths), object{"type": "null"})}
	case words != nil:
		return object{"anyOf": append(oneOf(words), object{"type": "null"})}
	}
	return object{"type": []string{"string", "number", "boolean", "null"}}
}

// truthFields are the fields that are true or false.
var truthFields = []string{"first", "tcp", "no_cache", "fallback", "insecure", "break_dnssec",
	"wait_recurse", "log", "validation", "special_names", "enabled"}

// fieldWords are the words that fields take, by the field's name or the key and the field.
var fieldWords = map[string][]string{
	"action":                      localdata.ActionNames(),
	"access action":               {"allow", "snoop", "refuse", "drop"},
	"policy.rpz action":           policyActions(),
	"zones.catalogs action":       policyActions(),
	"zones.catalog_groups action": policyActions(),
	"policy.rpz reason":           reasons,
	"zones.catalogs reason":       reasons,
	"zones.catalog_groups reason": reasons,
	"type":                        localdata.TypeNames(),
	"transport":                   names(transport.Protocols(transport.Protocol.Upstream)),
	"mode":                        modes,
	"preset":                      preset.Names(),
	"use":                         memberUses,
	"zonemd":                      {"if_present", "required", "off"},
	"member_zonemd":               {"if_present", "required", "off"},
	"forwarded_header":            {"forwarded", "x-forwarded-for"},
	"algorithm": {"hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224",
		"hmac-sha1"},
}
