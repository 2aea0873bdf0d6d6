// The report as JSON, and the schema of that.

package explain

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"time"
)

// JSON writes a report as JSON.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Schema returns the JSON schema (2020-12) of a report.
func Schema() map[string]any {
	defs := Definitions("#/$defs/")
	s := defs["report"].(map[string]any)
	delete(defs, "report")
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"], s["$defs"] = "bailiwick explain --json", defs
	return s
}

// Definitions returns the schemas of the report and of its parts by name; ref is what references
// to them begin with.
func Definitions(ref string) map[string]any {
	defs := map[string]any{}
	define(defs, ref, reflect.TypeFor[Report]())
	return defs
}

// define adds the schema of a struct, and those of the structs in it.
func define(defs map[string]any, ref string, t reflect.Type) {
	name := strings.ToLower(t.Name())
	if defs[name] != nil {
		return
	}
	properties, required := map[string]any{}, []any{}
	defs[name] = map[string]any{"type": "object", "properties": properties,
		"additionalProperties": false}
	for f := range t.Fields() {
		label, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := schemaOf(defs, ref, f.Type)
		if help := f.Tag.Get("help"); help != "" && property["$ref"] == nil {
			property["description"] = help
		}
		if properties[label] = property; options != "omitempty" {
			required = append(required, label)
		}
	}
	defs[name].(map[string]any)["required"] = required
}

// schemaOf returns the schema of a field.
func schemaOf(defs map[string]any, ref string, t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return schemaOf(defs, ref, t.Elem())
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(defs, ref, t.Elem())}
	case t.Kind() == reflect.Struct:
		define(defs, ref, t)
		return map[string]any{"$ref": ref + strings.ToLower(t.Name())}
	case t.Kind() == reflect.Bool:
		return map[string]any{"type": "boolean"}
	case t.Kind() == reflect.String:
		return map[string]any{"type": "string"}
	case t.Kind() == reflect.Float64:
		return map[string]any{"type": "number"}
	}
	return map[string]any{"type": "integer"}
}
