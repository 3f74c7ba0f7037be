//! The alarms and the dashboard: they read only what exists, and each alarm says what to do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{of_type, template};
use crate::policies::compact;
use crate::tidy::sources;

#[test]
fn every_alarm_reaches_the_topic_and_says_what_to_do() {
    let template = template();
    let dashboard = dashboard(&template);
    let alarms = of_type(&template, "AWS::CloudWatch::Alarm");
    assert!(alarms.len() >= 11, "an alarm is missing");
    for (id, alarm) in alarms {
        let properties = &alarm["Properties"];
        assert_eq!(properties["AlarmActions"], json!([{ "Ref": "AlarmTopic" }]), "{id}");
        let description = properties["AlarmDescription"].as_str().unwrap_or_default();
        assert!(description.len() > 120, "{id} does not say what to do");
        assert!(description.len() <= 1024, "{id} says more than CloudWatch takes");
        assert!(properties["TreatMissingData"].is_string(), "{id} leaves open what no data means");
        assert!(dashboard.contains(&format!("${{{id}.Arn}}")), "the dashboard does not show {id}");
    }
    for (id, _) in of_type(&template, "AWS::Serverless::Function") {
        for metric in ["Errors", "Throttles"] {
            let alarm =
                &template["Resources"][id.replace("Function", &format!("{metric}Alarm"))]["Properties"];
            let function = json!([{ "Name": "FunctionName", "Value": { "Ref": id } }]);
            assert_eq!(alarm["Namespace"], "AWS/Lambda", "no alarm for {metric} of {id}");
            assert_eq!(alarm["MetricName"], metric, "no alarm for {metric} of {id}");
            assert_eq!(alarm["Dimensions"], function, "no alarm for {metric} of {id}");
            let shown = format!("\"{metric}\", \"FunctionName\", \"${{{id}}}\"");
            assert!(dashboard.contains(&shown), "the dashboard shows no {metric} of {id}");
        }
    }
}

#[test]
fn no_alarm_has_more_metrics_than_cloudwatch_takes() {
    for (id, alarm) in of_type(&template(), "AWS::CloudWatch::Alarm") {
        let queries = alarm["Properties"]["Metrics"].as_array().map_or(&[][..], Vec::as_slice);
        let metrics = queries.iter().filter(|query| query["MetricStat"].is_object()).count();
        assert!(metrics <= 10, "{id} has {metrics} metrics; CloudWatch takes ten at most");
    }
}

#[test]
fn a_function_goes_back_on_its_own_errors_and_on_deliveries_that_fail() {
    let template = template();
    let of_all = &template["Globals"]["Function"]["DeploymentPreference"]["Alarms"];
    assert_eq!(*of_all, json!([{ "Ref": "UnstoredDeliveriesAlarm" }]));
    for (id, function) in of_type(&template, "AWS::Serverless::Function") {
        let own = json!([{ "Ref": id.replace("Function", "ErrorsAlarm") }]);
        assert_eq!(function["Properties"]["DeploymentPreference"]["Alarms"], own, "{id}");
    }
}

#[test]
fn alarms_and_dashboard_read_only_metrics_that_the_functions_write() {
    let code = ["shared/src", "functions"].into_iter().flat_map(sources);
    let code: String = code.map(|(_, text)| compact(&text)).collect();
    let written = written_series(&code);
    let template = template();
    let mut read = 0;
    let mut check = |metric: &str, dimensions: Vec<String>, outcomes: &[&str]| {
        let known = written.contains(&(metric.to_owned(), dimensions.clone()));
        assert!(known, "no function writes {metric} by {dimensions:?}");
        for outcome in outcomes {
            assert!(
                code.contains(&format!("\"{outcome}\"")),
                "{metric} never has the outcome or class {outcome}"
            );
        }
        read += 1;
    };
    for (_, alarm) in of_type(&template, "AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        let queries = properties["Metrics"].as_array().into_iter().flatten();
        let metrics = queries.map(|query| &query["MetricStat"]["Metric"]).chain([properties]);
        for metric in metrics.filter(|metric| metric["Namespace"] == "CallLedger") {
            let stack = json!({ "Name": "stack", "Value": { "Ref": "AWS::StackName" } });
            assert_eq!(metric["Dimensions"][0], stack, "another stack's {}", metric["MetricName"]);
            let dimensions = metric["Dimensions"].as_array().expect("a list");
            let names = dimensions.iter().filter_map(|dimension| dimension["Name"].as_str());
            let outcomes = dimensions
                .iter()
                .filter(|dimension| dimension["Name"] == "outcome" || dimension["Name"] == "class");
            let outcomes: Vec<_> = outcomes.filter_map(|dimension| dimension["Value"].as_str()).collect();
            let metric = metric["MetricName"].as_str().expect("a name");
            check(metric, names.map(str::to_owned).collect(), &outcomes);
        }
    }
    let dashboard = dashboard(&template);
    for search in dashboard.split("SEARCH('{CallLedger,").skip(1) {
        let (dimensions, rest) = search.split_once("} MetricName=\\\"").expect("a metric");
        let (metric, rest) = rest.split_once("\\\"").expect("its end");
        let conditions = rest.split("',").next().unwrap_or_default();
        let outcomes = conditions.split("outcome=\\\"").skip(1);
        let outcomes: Vec<_> = outcomes.filter_map(|rest| rest.split("\\\"").next()).collect();
        check(metric, dimensions.split(',').map(str::to_owned).collect(), &outcomes);
    }
    for series in dashboard.split("[\"CallLedger\", \"").skip(1) {
        let names: Vec<_> = series.split("\", \"").take(2).collect();
        check(names[0], vec![names[1].to_owned()], &[]);
    }
    assert!(read >= 15, "the test has lost what it reads: {read}");
}

/// The series that code without white space writes: a metric, and the names of its dimensions.
fn written_series(code: &str) -> BTreeSet<(String, Vec<String>)> {
    let mut series = BTreeSet::new();
    for directive in code.split("dimensions:&[&[\"").skip(1) {
        let (dimensions, rest) = directive.split_once("\"]],metrics:&[(\"").expect("metrics");
        let metrics = rest.split([']']).next().unwrap_or_default();
        for dimensions in dimensions.split("\"],&[\"") {
            let dimensions: Vec<_> = dimensions.split("\",\"").map(str::to_owned).collect();
            for metric in metrics.split("(\"").filter_map(|metric| metric.split('"').next()) {
                series.insert((metric.to_owned(), dimensions.clone()));
            }
        }
    }
    series
}

#[test]
fn the_dashboard_is_json() {
    let body = dashboard(&template());
    let parsed: Value = serde_json::from_str(&body).expect("JSON");
    for widget in parsed["widgets"].as_array().expect("widgets") {
        let title = &widget["properties"]["title"];
        assert!(title.is_string(), "a widget has no title");
        assert!(
            widget["x"].as_u64().zip(widget["width"].as_u64()).is_some_and(|(x, w)| x + w <= 24),
            "{title}"
        );
        let region = &widget["properties"]["region"];
        assert!(widget["type"] == "alarm" || region == "${AWS::Region}", "{title} is of another region");
    }
}

fn dashboard(template: &Value) -> String {
    let body = &template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"];
    body.as_str().expect("a dashboard").to_owned()
}
