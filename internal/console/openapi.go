// The description of the API (OpenAPI 3.0), from the table of operations.

package console

import (
	"net/http"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// describe returns the description of the operations.
func describe(ops []Operation, version string) map[string]any {
	paths := object{
		Prefix + "openapi.json": object{"get": object{
			"operationId": "openapi",
			"summary":     "This description",
			"security":    []any{},
			"responses": object{"200": content("The description", "application/json",
				object{"type": "object"}), "default": refusal},
		}},
	}
	for i := range ops {
		op := &ops[i]
		path, _ := paths[op.Path()].(object)
		if path == nil {
			path = object{}
			paths[op.Path()] = path
		}
		path[strings.ToLower(op.Method())] = op.describe()
	}
	return object{
		"openapi": "3.0.3",
		"info": object{"title": "Bailiwick", "version": version, "description": "What `bailiwick " +
			"ctl` can do with a running server, over HTTP. Every request but that for this " +
			"description needs a token of api.token_file; tokens with the role read may look, " +
			"those with the role operate also change."},
		"servers":  []any{object{"url": "/"}},
		"security": []any{object{"token": []any{}}},
		"paths":    paths,
		"components": object{
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}},
			"schemas": object{"problem": object{
				"type": "object", "description": "An error (RFC 9457)",
				"required": []any{"type", "title", "status", "detail"},
				"properties": object{"type": object{"type": "string"},
					"title":  object{"type": "string"},
					"status": object{"type": "integer"},
					"detail": object{"type": "string"}},
			}},
		},
	}
}

// refusal is the response with an error.
var refusal = content("What is wrong", "application/problem+json",
	object{"$ref": "#/components/schemas/problem"})

func content(what, media string, schema object) object {
	return object{"description": what, "content": object{media: object{"schema": schema}}}
}

// describe returns the description of an operation.
func (o *Operation) describe() object {
	d := object{"operationId": strings.ReplaceAll(o.Name, " ", "_"), "summary": o.Short,
		"responses": object{"200": o.describeResult(), "default": refusal}}
	if o.Long != "" {
		d["description"] = o.Long
	}
	var params []any
	if o.Changes {
		d["description"] = strings.TrimSpace(o.Long + "\n\nNeeds the role operate.")
		d["requestBody"] = o.describeBody()
	} else {
		for _, p := range o.Params {
			schema := p.schema()
			params = append(params, object{"name": p.Name, "in": "query", "description": p.Help,
				"required": p.Required, "schema": schema})
		}
	}
	if o.Replaces != "" {
		params = append(params, object{"name": "If-Match", "in": "header", "required": true,
			"description": "the ETag of what is replaced, or *",
			"schema":      object{"type": "string"}})
	}
	if params != nil {
		d["parameters"] = params
	}
	return d
}

// describeBody returns the description of the request's body.
func (o *Operation) describeBody() object {
	properties, required := object{}, []any{}
	for _, p := range o.Params {
		properties[p.Name] = p.schema()
		if p.Required {
			required = append(required, p.Name)
		}
	}
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	b := content("", "application/json", schema)
	delete(b, "description")
	b["required"] = len(required) > 0
	return b
}

// describeResult returns the description of the response.
func (o *Operation) describeResult() object {
	if o.Stream {
		return content(o.Short, "text/plain", object{"type": "string"})
	}
	schema := describeFields(o.Fields, false)
	if o.Rows != nil {
		schema["properties"].(object)["rows"] = object{"type": "array",
			"items": describeFields(o.Rows, true)}
		required, _ := schema["required"].([]any)
		schema["required"] = append(required, "rows")
	}
	r := content(o.Short, "application/json", schema)
	if o.Tagged {
		r["headers"] = object{"ETag": object{"description": "for If-Match",
			"schema": object{"type": "string"}}}
	}
	return r
}

// describeFields returns the schema of an object. In a row, optional values are there as null.
func describeFields(fields []Field, row bool) object {
	properties, required := object{}, []any{}
	for _, f := range fields {
		s := f.Kind.schema()
		if f.Help != "" {
			s["description"] = f.Help
		}
		if row && f.Optional {
			s["nullable"] = true
		}
		if row || !f.Optional {
			required = append(required, f.Name)
		}
		properties[f.Name] = s
	}
	schema := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// schema returns the schema of an argument.
func (p *Param) schema() object {
	s := p.Kind.schema()
	s["description"] = p.Help
	if p.Kind == Text {
		s["maxLength"] = maxText
	}
	if p.Choices != nil {
		s["enum"] = p.Choices
	}
	return s
}

// schema returns the schema of a kind.
func (k Kind) schema() object {
	switch k {
	case Integer:
		return object{"type": "integer"}
	case Number:
		return object{"type": "number"}
	case Boolean:
		return object{"type": "boolean"}
	case List:
		return object{"type": "array", "maxItems": maxItems, "items": object{"type": "string"}}
	case Map:
		return object{"type": "object", "additionalProperties": object{"type": "array",
			"items": object{"type": "string"}}}
	case Object:
		return object{"type": "object"}
	case Objects:
		return object{"type": "array", "items": object{"type": "object"}}
	}
	return object{"type": "string"}
}

// Routes returns the methods and paths of the operations, for tests of the description.
func Routes(ops []Operation) (routes []string) {
	for i := range ops {
		routes = append(routes, ops[i].Method()+" "+ops[i].Path())
	}
	return append(routes, http.MethodGet+" "+Prefix+"openapi.json")
}
