//! Each function may do what its code does, and nothing else.
//!
//! What it does is read from the code: every call of an SDK operation in `shared` and in the function's
//! own crate, found by name, with the functions of `shared` that lead there. What it may do is read from
//! its role in the template. The two must be the same, statement by statement.

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub(crate) use self::code::compact;
use self::code::{Code, Need};
use self::statement::{find_statements, list, permission, text, under};
use crate::template::{of_type, template};

mod calls;
mod code;
mod operations;
mod statement;

#[test]
fn every_function_may_do_what_its_code_does_and_nothing_else() {
    sound();
}

#[test]
fn every_index_of_the_table_is_asked_by_somebody() {
    let template = template();
    let indexes = &template["Resources"]["CallsTable"]["Properties"]["GlobalSecondaryIndexes"];
    for index in list(indexes) {
        let resource = format!("${{CallsTable.Arn}}/index/{}", index["IndexName"].as_str().expect("a name"));
        let asked = calls::CALLS.iter().any(|calls| calls.on.contains(&&*resource));
        assert!(asked, "nobody asks {resource}");
    }
}

#[test]
fn no_statement_can_be_spared() {
    let (template, code) = sound();
    let mut statements = Vec::new();
    find_statements(&template, String::new(), &mut statements);
    assert!(statements.len() > 50, "only {} statements were found", statements.len());
    for (list, index) in statements {
        let mut without = template.clone();
        let list_of = without.pointer_mut(&list).and_then(Value::as_array_mut).expect("statements");
        let removed = list_of.remove(index);
        assert!(!problems(&without, &code).is_empty(), "nobody misses {removed} at {list}/{index}");
    }
}

#[test]
fn no_statement_can_be_added() {
    let (template, code) = sound();
    let table = json!({ "Fn::GetAtt": "CallsTable.Arn" });
    let unused = [
        json!({ "Effect": "Allow", "Action": "dynamodb:DeleteItem", "Resource": table }),
        json!({ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": { "Fn::GetAtt": "RecordingsBucket.Arn" } }),
        json!({ "Effect": "Allow", "Action": "dynamodb:*", "Resource": table }),
        json!({ "Effect": "Allow", "Action": ["dynamodb:Scan"], "Resource": table }),
        json!({ "Effect": "Allow", "NotAction": "iam:CreateUser", "Resource": table }),
        json!({ "Effect": "Allow", "Action": "ssm:GetParametersByPath", "Resource": "*" }),
    ];
    for (id, _) in of_type(&template, "AWS::Serverless::Function") {
        for statement in &unused {
            let mut with = template.clone();
            let role = id.replace("Function", "Role");
            let list = format!("/Resources/{role}/Properties/Policies/0/PolicyDocument/Statement");
            let list_of = with.pointer_mut(&list).and_then(Value::as_array_mut).expect("statements");
            list_of.push(statement.clone());
            assert!(!problems(&with, &code).is_empty(), "nobody notices {statement} in {role}");
        }
        let mut with = template.clone();
        let broad = json!("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess");
        with["Resources"][id.replace("Function", "Role")]["Properties"]["ManagedPolicyArns"] = json!([broad]);
        assert!(!problems(&with, &code).is_empty(), "nobody notices {broad} for {id}");
        let mut with = template.clone();
        with["Resources"][id]["Properties"]["Policies"] = json!(["AmazonS3ReadOnlyAccess"]);
        assert!(!problems(&with, &code).is_empty(), "nobody notices {id}.Policies");
    }
}

#[test]
fn no_condition_can_be_spared_or_widened() {
    let (template, code) = sound();
    let mut statements = Vec::new();
    find_statements(&template, String::new(), &mut statements);
    let mut tried = 0;
    for (list, index) in statements {
        let statement = format!("{list}/{index}");
        let keys = "ForAllValues:StringLike";
        if template.pointer(&statement).is_none_or(|found| found["Condition"][keys].is_null()) {
            continue;
        }
        let changes: [fn(&mut Value); 4] = [
            |found| drop(found.as_object_mut().and_then(|found| found.remove("Condition"))),
            |found| drop(found["Condition"].as_object_mut().and_then(|found| found.remove("Null"))),
            |found| found["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"][0] = json!("*"),
            |found| found["Condition"]["Null"]["dynamodb:LeadingKeys"] = json!("true"),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = template.clone();
            change(changed.pointer_mut(&statement).expect("a statement"));
            assert!(!problems(&changed, &code).is_empty(), "nobody notices change {number} of {statement}");
            tried += 1;
        }
    }
    assert!(tried >= 32, "only {tried} changes were tried");
}

#[test]
fn a_call_that_nobody_knows_of_is_noticed() {
    let (template, code) = sound();
    let unknown = [
        ("shared/src/webhook.rs", "self.client.get_item().send()"),
        ("functions/query/src/call.rs", "s3\n    .delete_object()\n    .send()"),
        ("functions/query/src/call.rs", "self.client.restore_object().send()"),
        ("functions/recordings/src/fetch.rs", "self.bucket.client.put_object().send()"),
        ("shared/src/ledger/read.rs", "pub async fn forget(&self) { self.change() }"),
        ("functions/recordings/src/sweep.rs", "self.ledger.warm_up().await"),
    ];
    for (path, call) in unknown {
        let mut code = code.clone();
        code.files.entry(path.to_owned()).or_default().push_str(&compact(call));
        assert!(!problems(&template, &code).is_empty(), "nobody notices {call} in {path}");
    }
}

/// The template and the code, with nothing wrong: the start of every test that changes one of them.
fn sound() -> (Value, Code) {
    let (template, code) = (template(), Code::read());
    assert_eq!(problems(&template, &code), [] as [String; 0]);
    (template, code)
}

/// All that is wrong with the policies of a template, given the code.
fn problems(template: &Value, code: &Code) -> Vec<String> {
    let mut problems = code.problems();
    let functions = of_type(template, "AWS::Serverless::Function");
    let mut attached = BTreeSet::new();
    let mut roles = BTreeSet::new();
    for (id, function) in &functions {
        let properties = &function["Properties"];
        let name = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap_or_default();
        if !properties["Policies"].is_null() {
            problems.push(format!("{id}.Policies: SAM would write a role with more than that"));
        }
        let role_id = properties["Role"]["Fn::GetAtt"].as_str().unwrap_or_default().trim_end_matches(".Arn");
        if !roles.insert(role_id) {
            problems.push(format!("{role_id} is the role of two functions"));
        }
        let role = &template["Resources"][role_id]["Properties"];
        if role["AssumeRolePolicyDocument"]["Statement"] != trust() {
            problems.push(format!("{role_id} is not for Lambda alone"));
        }
        let mut statements = Vec::new();
        for policy in list(&role["Policies"]) {
            statements.extend(list(&policy["PolicyDocument"]["Statement"]));
        }
        for policy in list(&role["ManagedPolicyArns"]) {
            match policy["Ref"].as_str().map(|id| (id, &template["Resources"][id])) {
                Some((id, policy)) if policy["Type"] == "AWS::IAM::ManagedPolicy" => {
                    attached.insert(id);
                    statements.extend(list(&policy["Properties"]["PolicyDocument"]["Statement"]));
                }
                _ => problems.push(format!("{role_id}: {policy} is not a policy of this template")),
            }
        }
        let mut allowed = BTreeSet::new();
        for statement in statements {
            match permission(statement) {
                Ok(permission) => {
                    if !allowed.insert(permission.clone()) {
                        problems.push(format!("{name} is allowed twice: {permission}"));
                    }
                }
                Err(problem) => problems.push(format!("{name}: {problem}")),
            }
        }
        let needed = needs(template, function, name, code);
        problems.extend(needed.difference(&allowed).map(|need| format!("{name} must be allowed: {need}")));
        problems.extend(allowed.difference(&needed).map(|spare| format!("{name} does not need: {spare}")));
    }
    for (id, _) in of_type(template, "AWS::IAM::ManagedPolicy") {
        if !attached.contains(id) {
            problems.push(format!("{id} is attached to nothing"));
        }
    }
    for (id, _) in of_type(template, "AWS::IAM::Role") {
        if !roles.contains(id) {
            problems.push(format!("{id} is the role of nothing"));
        }
    }
    for kind in ["AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::User", "AWS::IAM::Group"] {
        problems.extend(of_type(template, kind).iter().map(|(id, _)| format!("{id} is read by no test")));
    }
    problems.extend(resource_policies(template));
    problems
}

/// The policies of the bucket and the topic are these and no others.
fn resource_policies(template: &Value) -> Vec<String> {
    let no_tls = json!({ "Bool": { "aws:SecureTransport": "false" } });
    let bucket = json!([{
        "Sid": "RefuseRequestsWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [{ "Fn::GetAtt": "RecordingsBucket.Arn" }, { "Fn::Sub": "${RecordingsBucket.Arn}/*" }],
        "Condition": no_tls,
    }]);
    let topic = json!([
        {
            "Sid": "TakeAlarmsOfThisAccount",
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": "sns:Publish",
            "Resource": { "Ref": "AlarmTopic" },
            "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } },
        },
        {
            "Sid": "RefuseRequestsWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sns:Publish",
            "Resource": { "Ref": "AlarmTopic" },
            "Condition": no_tls,
        },
    ]);
    let mut problems = Vec::new();
    for (kind, expected) in [("AWS::S3::BucketPolicy", bucket), ("AWS::SNS::TopicPolicy", topic)] {
        let found: Vec<_> = of_type(template, kind)
            .iter()
            .map(|(_, policy)| &policy["Properties"]["PolicyDocument"]["Statement"])
            .collect();
        if found != [&expected] {
            problems.push(format!("the {kind} is another than the expected one"));
        }
    }
    problems
}

fn trust() -> Value {
    let lambda = json!({ "Service": "lambda.amazonaws.com" });
    json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": lambda }])
}

/// All that a function needs, as [`permission`] writes it.
fn needs(template: &Value, function: &Value, name: &str, code: &Code) -> BTreeSet<String> {
    let calls = code.needs(name);
    let mut needs: BTreeSet<_> = calls
        .iter()
        .map(|need| format!("{} on {}{}", need.action, need.resource, under(&need.under)))
        .collect();
    let properties = &function["Properties"];

    let group = properties["LoggingConfig"]["LogGroup"]["Ref"].as_str().unwrap_or("no log group");
    for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
        needs.insert(format!("{action} on ${{{group}.Arn}}"));
    }
    if template["Globals"]["Function"]["Tracing"] == "Active" {
        for action in ["xray:PutTraceSegments", "xray:PutTelemetryRecords"] {
            needs.insert(format!("{action} on *"));
        }
    }
    let events = properties["Events"].as_object().into_iter().flat_map(|events| events.values());
    for event in events.filter(|event| event["Type"] == "DynamoDB") {
        let stream = text(&event["Properties"]["Stream"]);
        for action in ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"] {
            needs.insert(format!("{action} on {stream}"));
        }
        needs.insert("dynamodb:ListStreams on ${CallsTable.Arn}/stream/*".to_owned());
    }

    // Whoever reads or writes a table decrypts its key. S3 decrypts what is read, and parts to join them.
    let service = |action: &str| action.split(':').next().unwrap_or_default().to_owned();
    let decrypts = |need: &&Need| match need.action {
        "s3:GetObject" => true,
        "s3:PutObject" => need.in_parts,
        action => service(action) != "s3",
    };
    let decrypted: BTreeSet<_> = calls.iter().filter(decrypts).map(|need| service(need.action)).collect();
    let encrypts = calls.iter().any(|need| need.action == "s3:PutObject");
    let key = |action: &str, services: Vec<String>| {
        let services: Vec<_> = services
            .iter()
            .map(|service| format!("{service}.${{AWS::Region}}.${{AWS::URLSuffix}}"))
            .collect();
        format!("{action} on ${{KmsKeyArn}} if HasKmsKey, via {}", services.join(", "))
    };
    needs.insert(key("kms:Decrypt", decrypted.into_iter().collect()));
    if encrypts {
        needs.insert(key("kms:GenerateDataKey", vec!["s3".to_owned()]));
    }
    needs
}
