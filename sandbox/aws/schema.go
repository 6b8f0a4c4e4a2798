package aws

// shape is the form of a property's value.
type shape string

const (
	text   shape = "string"
	number shape = "number"
	flag   shape = "boolean"
	list   shape = "list"
	set    shape = "list without order"
	dict   shape = "map of strings"
	block  shape = "object"
)

// prop is one property that a program can set, with the parts of the provider's schema that decide what a change of it
// does.
type prop struct {
	shape    shape
	of       *prop            // element of a list or set; nil for strings
	fields   map[string]prop  // of a block
	json     bool             // a document: compared by meaning
	required bool             //
	replaces bool             // a change replaces the resource (ForceNew)
	computed bool             // left out means left alone, whatever AWS holds (Optional and Computed)
	local    bool             // the provider's own setting, not held by AWS
	def      any              // default
	rule     func(any) string // what is wrong with a value, or ""
}

// resourceType is one of the resource types, with what the provider and AWS do for each operation.
type resourceType struct {
	title, service string               // as the provider's errors say them
	apis           map[Operation]string // the API operation that each call is known by
	props          map[string]prop      //
	outputs        []string             // unknown until the resource is created
	name           string               // the property that is given a name if the program gives none; "" if none is
	maxName        int                  //
	check          func(object) string  // what is wrong between properties
	create         func(*request) (string, error)
	read           func(*request) (object, error) // nil if gone
	update         func(*request) error
	delete         func(*request) error
	replaces       func(old, new object) []string // further properties that replace
}

// tagged adds the properties of a resource that carries tags. tagsAll is an input as well: pulumi-aws puts the tags
// together with the provider's default tags when it checks a resource.
func tagged(props map[string]prop) map[string]prop {
	props["tags"] = prop{shape: dict}
	props["tagsAll"] = prop{shape: dict, rule: tagRule}
	return props
}

// named adds a physical name that a program gives whole, by prefix, or not at all.
func named(rule func(any) string, props map[string]prop) map[string]prop {
	props["name"] = prop{shape: text, computed: true, replaces: true, rule: rule}
	props["namePrefix"] = prop{shape: text, computed: true, replaces: true, rule: rule}
	return props
}
