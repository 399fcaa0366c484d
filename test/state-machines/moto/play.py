"""Plays executions in moto's Step Functions engine, each Task answered as it was recorded.

Reads {"machines": {name: definition}, "cases": [{"machine", "input", "answers": {function: [{"result"} | {"error", "cause"}]}}]}
from standard input, and writes one {"status", "error", "states"} for each case to standard output.
"""

import functools
import io
import json
import sys
import time
import zipfile

real_sleep = time.sleep
# Waits and pauses between attempts take no time.
time.sleep = lambda seconds: real_sleep(min(seconds, 0.001))

import boto3  # noqa: E402
from moto import mock_aws  # noqa: E402
from moto.awslambda_simple.models import LambdaSimpleBackend  # noqa: E402
from moto.stepfunctions.parser.asl.utils import json_path  # noqa: E402
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser  # noqa: E402

REGION = "us-east-1"
answers = {}


def invoke(self, function_name, qualifier, body, headers, response_headers, *rest, **more):
    """Answers in place of a function, with what the case has for it next."""
    queue = answers.get(function_name.split(":")[-1], [])
    if not queue:
        answer = {"error": "Moto.NothingRecorded", "cause": function_name}
    else:
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
    if "error" in answer:
        response_headers["x-amz-function-error"] = "Unhandled"
        return json.dumps({"errorType": answer["error"], "errorMessage": answer.get("cause", "")}).encode()
    return json.dumps(answer["result"]).encode()


LambdaSimpleBackend.invoke = invoke
# moto reads a definition anew for each execution, and a path for each use, which takes most of its time.
json_path.parse = functools.cache(json_path.parse)
AmazonStateLanguageParser.parse = staticmethod(functools.cache(AmazonStateLanguageParser.parse))


def play(client, machine, case, name):
    answers.clear()
    answers.update(case["answers"])
    arn = client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(case["input"]))["executionArn"]
    until = time.time() + 300
    while (end := client.describe_execution(executionArn=arn))["status"] == "RUNNING" and time.time() < until:
        real_sleep(0.1)
    events, token = [], {}
    while True:
        page = client.get_execution_history(executionArn=arn, maxResults=1000, **token)
        events += page["events"]
        if not page.get("nextToken"):
            break
        token = {"nextToken": page["nextToken"]}
    states = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return {"status": end["status"], "error": end.get("error"), "states": states}


def main():
    work = json.load(sys.stdin)
    functions = sorted({name for case in work["cases"] for name in case["answers"]})
    with mock_aws(config={"lambda": {"use_docker": False}, "stepfunctions": {"execute_state_machine": True}}):
        iam = boto3.client("iam", REGION)
        role = iam.create_role(RoleName="states", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("empty.py", "")
        awslambda = boto3.client("lambda", REGION)
        for name in functions:
            awslambda.create_function(
                FunctionName=name,
                Runtime="python3.12",
                Role=role,
                Handler="empty.handler",
                Code={"ZipFile": code.getvalue()},
            )
        client = boto3.client("stepfunctions", REGION)
        machines = {
            name: client.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)[
                "stateMachineArn"
            ]
            for name, definition in work["machines"].items()
        }
        results = [
            play(client, machines[case["machine"]], case, f"case-{index}")
            for index, case in enumerate(work["cases"])
        ]
    sys.__stdout__.write(json.dumps(results))


if __name__ == "__main__":
    # moto prints what failed; the results alone belong to standard output.
    sys.stdout = sys.stderr
    main()
