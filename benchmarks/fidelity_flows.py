"""What the fidelity benchmark calls: for each service its resources, how to make them, and what to do with them.

A dictionary's values are sent as they are, but for the marks below. Nothing here is read by the package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Name:
    """A new record's name, drawn from a few, so that duplicates happen."""

    form: str = "tw-{}"


@dataclass(frozen=True)
class Of:
    """A value of an earlier record: `Of("queue", "url")`."""

    resource: str
    key: str


@dataclass(frozen=True)
class Resource:
    """One kind of record."""

    name: str
    create: tuple[str, dict[str, Any]]
    keys: dict[str, str]
    """Key -> where the create shows it: `=Argument` for what was given, else a dotted path into the response."""
    unknown: dict[str, str]
    """Key -> a well-formed value that no record has."""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class Service:
    """One service's resources."""

    name: str
    resources: tuple[Resource, ...]
    tuned: bool = field(default=False)
    """Were its disagreements read while the simulated world's rules were written?"""


TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'  # noqa: E501
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}'
MACHINE = '{"StartAt":"Done","States":{"Done":{"Type":"Succeed"}}}'
ROLE = "arn:aws:iam::123456789012:role/flow"
B64 = "aGVsbG8="


def named(resource: str, argument: str, *, key: str = "name") -> tuple[dict[str, str], dict[str, str]]:
    """(keys, unknown) of a record that its creator names."""
    del resource
    return {key: f"={argument}"}, {key: "tw-nobody"}


def _s3() -> Service:
    bucket, obj = Of("bucket", "name"), {"Bucket": Of("object", "bucket"), "Key": Of("object", "key")}
    own = {"Bucket": bucket}
    return Service(
        "s3",
        (
            Resource(
                "bucket",
                ("CreateBucket", {"Bucket": Name("tw-bucket-{}"), "ACL": "private"}),
                {"name": "=Bucket"},
                {"name": "tw-bucket-nobody"},
                (
                    ("HeadBucket", own), ("GetBucketLocation", own), ("GetBucketVersioning", own),
                    ("ListObjectsV2", own), ("ListBuckets", {}), ("DeleteBucket", own), ("GetBucketAcl", own),
                ),
            ),
            Resource(
                "object",
                ("PutObject", {"Bucket": bucket, "Key": Name("notes/{}.txt"), "Body": B64, "StorageClass": "STANDARD"}),
                {"bucket": "=Bucket", "key": "=Key"},
                {"bucket": "tw-bucket-nobody", "key": "notes/nobody.txt"},
                (("GetObject", obj), ("HeadObject", obj), ("DeleteObject", obj), ("GetObjectTagging", obj)),
            ),
        ),
        tuned=True,
    )  # fmt: skip


def _sqs() -> Service:
    own = {"QueueUrl": Of("queue", "url")}
    return Service(
        "sqs",
        (
            Resource(
                "queue",
                ("CreateQueue", {"QueueName": Name("tw-queue-{}")}),
                {"name": "=QueueName", "url": "QueueUrl"},
                {"name": "tw-nobody", "url": "http://127.0.0.1/123456789012/tw-nobody"},
                (
                    ("GetQueueUrl", {"QueueName": Of("queue", "name")}), ("ListQueues", {}), ("ListQueueTags", own),
                    ("GetQueueAttributes", {**own, "AttributeNames": ["All"]}), ("DeleteQueue", own),
                    ("SendMessage", {**own, "MessageBody": "hello"}), ("ReceiveMessage", own),
                    ("TagQueue", {**own, "Tags": {"team": "blue"}}),
                ),
            ),
        ),
        tuned=True,
    )  # fmt: skip


def _iam() -> Service:
    user, group, role = ({f"{n}Name": Of(n.lower(), "name")} for n in ("User", "Group", "Role"))
    policy = {"PolicyArn": Of("policy", "arn")}
    return Service(
        "iam",
        (
            Resource(
                "user", ("CreateUser", {"UserName": Name("tw-user-{}")}), *named("user", "UserName"),
                (
                    ("GetUser", user), ("ListUsers", {}), ("DeleteUser", user), ("ListUserTags", user),
                    ("ListAccessKeys", user), ("ListGroupsForUser", user),
                    ("AddUserToGroup", {**user, **group}), ("AttachUserPolicy", {**user, **policy}),
                ),
            ),
            Resource(
                "group", ("CreateGroup", {"GroupName": Name("tw-group-{}")}), *named("group", "GroupName"),
                (("GetGroup", group), ("ListGroups", {}), ("DeleteGroup", group)),
            ),
            Resource(
                "role", ("CreateRole", {"RoleName": Name("tw-role-{}"), "AssumeRolePolicyDocument": TRUST}),
                *named("role", "RoleName"),
                (
                    ("GetRole", role), ("ListRoles", {}), ("DeleteRole", role),
                    ("UpdateRole", {**role, "Description": "new"}), ("AttachRolePolicy", {**role, **policy}),
                    ("ListAttachedRolePolicies", role),
                ),
            ),
            Resource(
                "policy", ("CreatePolicy", {"PolicyName": Name("tw-policy-{}"), "PolicyDocument": POLICY}),
                {"arn": "Policy.Arn"}, {"arn": "arn:aws:iam::123456789012:policy/nobody"},
                (("GetPolicy", policy), ("ListPolicies", {"Scope": "Local"}), ("DeletePolicy", policy)),
            ),
        ),
        tuned=True,
    )  # fmt: skip


def _dynamodb() -> Service:
    own = {"TableName": Of("table", "name")}
    item = {**own, "Key": {"id": {"S": "1"}}}
    return Service(
        "dynamodb",
        (
            Resource(
                "table",
                (
                    "CreateTable",
                    {
                        "TableName": Name("tw-table-{}"),
                        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                        "BillingMode": "PAY_PER_REQUEST",
                    },
                ),
                *named("table", "TableName"),
                (
                    ("DescribeTable", own), ("ListTables", {}), ("DeleteTable", own), ("GetItem", item),
                    ("PutItem", {**own, "Item": {"id": {"S": "1"}}, "ReturnValues": "NONE"}), ("DeleteItem", item),
                    ("Scan", own), ("DescribeTimeToLive", own),
                    ("UpdateTable", {**own, "BillingMode": "PAY_PER_REQUEST"}),
                ),
            ),
        ),
        tuned=True,
    )  # fmt: skip


def _logs() -> Service:
    group = {"logGroupName": Of("group", "name")}
    stream = {"logGroupName": Of("stream", "group"), "logStreamName": Of("stream", "name")}
    return Service(
        "logs",
        (
            Resource(
                "group", ("CreateLogGroup", {"logGroupName": Name("/tw/{}")}), *named("group", "logGroupName"),
                (
                    ("DescribeLogGroups", {}), ("DeleteLogGroup", group), ("DescribeLogStreams", group),
                    ("PutRetentionPolicy", {**group, "retentionInDays": 7}), ("ListTagsLogGroup", group),
                    ("DeleteRetentionPolicy", group),
                ),
            ),
            Resource(
                "stream", ("CreateLogStream", {**group, "logStreamName": Name("stream-{}")}),
                {"group": "=logGroupName", "name": "=logStreamName"}, {"group": "/tw/nobody", "name": "nobody"},
                (("GetLogEvents", stream), ("DeleteLogStream", stream)),
            ),
        ),
        tuned=True,
    )  # fmt: skip


def _ec2() -> Service:
    vpc, subnet = Of("vpc", "id"), {"SubnetId": Of("subnet", "id")}
    group, pair = {"GroupId": Of("security group", "id")}, {"KeyName": Of("key pair", "name")}
    return Service(
        "ec2",
        (
            Resource(
                "vpc", ("CreateVpc", {"CidrBlock": "10.1.0.0/16", "InstanceTenancy": "default"}),
                {"id": "Vpc.VpcId"}, {"id": "vpc-0aaaaaaaaaaaaaaaa"},
                (
                    ("DescribeVpcs", {}), ("DescribeVpcs", {"VpcIds": [vpc]}), ("DeleteVpc", {"VpcId": vpc}),
                    ("DescribeVpcAttribute", {"VpcId": vpc, "Attribute": "enableDnsSupport"}),
                ),
            ),
            Resource(
                "subnet", ("CreateSubnet", {"VpcId": vpc, "CidrBlock": "10.1.1.0/24"}),
                {"id": "Subnet.SubnetId"}, {"id": "subnet-0aaaaaaaaaaaaaaaa"},
                (("DescribeSubnets", {}), ("DescribeSubnets", {"SubnetIds": [Of("subnet", "id")]}),
                 ("DeleteSubnet", subnet)),
            ),
            Resource(
                "security group",
                ("CreateSecurityGroup", {"GroupName": Name("tw-group-{}"), "Description": "x", "VpcId": vpc}),
                {"id": "GroupId"}, {"id": "sg-0aaaaaaaaaaaaaaaa"},
                (("DescribeSecurityGroups", {}), ("DescribeSecurityGroups", {"GroupIds": [Of("security group", "id")]}),
                 ("DeleteSecurityGroup", group)),
            ),
            Resource(
                "key pair", ("CreateKeyPair", {"KeyName": Name("tw-pair-{}"), "KeyType": "rsa"}),
                *named("key pair", "KeyName"),
                (("DescribeKeyPairs", {}), ("DescribeKeyPairs", {"KeyNames": [Of("key pair", "name")]}),
                 ("DeleteKeyPair", pair)),
            ),
        ),
        tuned=True,
    )  # fmt: skip


def _sns() -> Service:
    own = {"TopicArn": Of("topic", "arn")}
    return Service(
        "sns",
        (
            Resource(
                "topic", ("CreateTopic", {"Name": Name("tw-topic-{}")}),
                {"arn": "TopicArn"}, {"arn": "arn:aws:sns:us-east-1:123456789012:tw-nobody"},
                (
                    ("GetTopicAttributes", own), ("ListTopics", {}), ("DeleteTopic", own),
                    ("Publish", {**own, "Message": "hello"}), ("ListSubscriptionsByTopic", own),
                    ("ListTagsForResource", {"ResourceArn": Of("topic", "arn")}),
                ),
            ),
            Resource(
                "subscription", ("Subscribe", {**own, "Protocol": "email", "Endpoint": "a@example.com"}),
                {"arn": "SubscriptionArn"}, {"arn": "arn:aws:sns:us-east-1:123456789012:tw-nobody:0a0a"},
                (("ListSubscriptions", {}), ("Unsubscribe", {"SubscriptionArn": Of("subscription", "arn")})),
            ),
        ),
        tuned=True,
    )  # fmt: skip


def _ecr() -> Service:
    own = {"repositoryName": Of("repository", "name")}
    return Service(
        "ecr",
        (
            Resource(
                "repository",
                ("CreateRepository", {"repositoryName": Name("tw/repo-{}"), "imageTagMutability": "MUTABLE"}),
                {"name": "=repositoryName"}, {"name": "tw/nobody"},
                (
                    ("DescribeRepositories", {}), ("DeleteRepository", own), ("ListImages", own),
                    ("DescribeRepositories", {"repositoryNames": [Of("repository", "name")]}),
                    ("GetLifecyclePolicy", own), ("DescribeImages", own),
                ),
            ),
        ),
        tuned=True,
    )  # fmt: skip


def _kms() -> Service:
    key = {"KeyId": Of("key", "id")}
    return Service(
        "kms",
        (
            Resource(
                "key", ("CreateKey", {"Description": "tw", "KeyUsage": "ENCRYPT_DECRYPT"}),
                {"id": "KeyMetadata.KeyId"}, {"id": "11111111-2222-3333-4444-555555555555"},
                (
                    ("DescribeKey", key), ("ListKeys", {}), ("GetKeyRotationStatus", key), ("ListResourceTags", key),
                    ("DisableKey", key), ("EnableKey", key), ("UpdateKeyDescription", {**key, "Description": "new"}),
                    ("GetKeyPolicy", {**key, "PolicyName": "default"}),
                ),
            ),
            Resource(
                "alias", ("CreateAlias", {"AliasName": Name("alias/tw-{}"), "TargetKeyId": Of("key", "id")}),
                {"name": "=AliasName"}, {"name": "alias/tw-nobody"},
                (("ListAliases", {}), ("DeleteAlias", {"AliasName": Of("alias", "name")})),
            ),
        ),
    )  # fmt: skip


def _ssm() -> Service:
    own, document = {"Name": Of("parameter", "name")}, {"Name": Of("document", "name")}
    content = '{"schemaVersion":"2.2","description":"d","mainSteps":[]}'
    return Service(
        "ssm",
        (
            Resource(
                "parameter", ("PutParameter", {"Name": Name("/tw/{}"), "Value": "1", "Type": "String"}),
                {"name": "=Name"}, {"name": "/tw/nobody"},
                (("GetParameter", own), ("DescribeParameters", {}), ("DeleteParameter", own),
                 ("GetParameterHistory", own), ("GetParametersByPath", {"Path": "/tw"})),
            ),
            Resource(
                "document", ("CreateDocument", {"Name": Name("tw-doc-{}"), "Content": content,
                                                "DocumentType": "Command", "DocumentFormat": "JSON"}),
                {"name": "=Name"}, {"name": "tw-nobody"},
                (("GetDocument", document), ("DescribeDocument", document), ("ListDocuments", {}),
                 ("DeleteDocument", document)),
            ),
        ),
    )  # fmt: skip


def _secretsmanager() -> Service:
    own = {"SecretId": Of("secret", "name")}
    return Service(
        "secretsmanager",
        (
            Resource(
                "secret",
                ("CreateSecret", {"Name": Name("tw-secret-{}"), "SecretString": "s"}),
                *named("secret", "Name"),
                (
                    ("DescribeSecret", own), ("GetSecretValue", own), ("ListSecrets", {}),
                    ("DeleteSecret", {**own, "ForceDeleteWithoutRecovery": True}),
                    ("UpdateSecret", {**own, "SecretString": "t"}), ("PutSecretValue", {**own, "SecretString": "u"}),
                    ("ListSecretVersionIds", own), ("GetResourcePolicy", own),
                ),
            ),
        ),
    )  # fmt: skip


def _events() -> Service:
    rule, bus = {"Name": Of("rule", "name")}, {"Name": Of("bus", "name")}
    return Service(
        "events",
        (
            Resource(
                "rule", ("PutRule", {"Name": Name("tw-rule-{}"), "ScheduleExpression": "rate(5 minutes)",
                                     "State": "ENABLED"}),
                *named("rule", "Name"),
                (("DescribeRule", rule), ("ListRules", {}), ("DeleteRule", rule), ("DisableRule", rule),
                 ("EnableRule", rule), ("ListTargetsByRule", {"Rule": Of("rule", "name")})),
            ),
            Resource(
                "bus", ("CreateEventBus", {"Name": Name("tw-bus-{}")}), *named("bus", "Name"),
                (("DescribeEventBus", bus), ("ListEventBuses", {}), ("DeleteEventBus", bus)),
            ),
        ),
    )  # fmt: skip


def _kinesis() -> Service:
    own = {"StreamName": Of("stream", "name")}
    return Service(
        "kinesis",
        (
            Resource(
                "stream", ("CreateStream", {"StreamName": Name("tw-stream-{}"), "ShardCount": 1}),
                *named("stream", "StreamName"),
                (
                    ("DescribeStream", own), ("DescribeStreamSummary", own), ("ListStreams", {}), ("DeleteStream", own),
                    ("PutRecord", {**own, "Data": B64, "PartitionKey": "p"}), ("ListShards", own),
                    ("ListTagsForStream", own), ("AddTagsToStream", {**own, "Tags": {"team": "blue"}}),
                ),
            ),
        ),
    )  # fmt: skip


def _route53() -> Service:
    own = {"Id": Of("zone", "id")}
    return Service(
        "route53",
        (
            Resource(
                "zone", ("CreateHostedZone", {"Name": Name("tw-{}.example.com"), "CallerReference": Name("ref-{}")}),
                {"id": "HostedZone.Id"}, {"id": "ZAAAAAAAAAAAAA"},
                (
                    ("GetHostedZone", own), ("ListHostedZones", {}), ("DeleteHostedZone", own),
                    ("ListResourceRecordSets", {"HostedZoneId": Of("zone", "id")}),
                    ("UpdateHostedZoneComment", {**own, "Comment": "new"}),
                    ("ListTagsForResource", {"ResourceType": "hostedzone", "ResourceId": Of("zone", "id")}),
                ),
            ),
        ),
    )  # fmt: skip


def _stepfunctions() -> Service:
    own = {"stateMachineArn": Of("machine", "arn")}
    return Service(
        "stepfunctions",
        (
            Resource(
                "machine",
                ("CreateStateMachine", {"name": Name("tw-machine-{}"), "definition": MACHINE, "roleArn": ROLE,
                                        "type": "STANDARD"}),
                {"arn": "stateMachineArn"}, {"arn": "arn:aws:states:us-east-1:123456789012:stateMachine:nobody"},
                (
                    ("DescribeStateMachine", own), ("ListStateMachines", {}), ("DeleteStateMachine", own),
                    ("StartExecution", own), ("ListExecutions", own),
                ),
            ),
            Resource(
                "activity", ("CreateActivity", {"name": Name("tw-activity-{}")}),
                {"arn": "activityArn"}, {"arn": "arn:aws:states:us-east-1:123456789012:activity:nobody"},
                (("DescribeActivity", {"activityArn": Of("activity", "arn")}), ("ListActivities", {}),
                 ("DeleteActivity", {"activityArn": Of("activity", "arn")})),
            ),
        ),
    )  # fmt: skip


def _cognito() -> Service:
    pool = {"UserPoolId": Of("pool", "id")}
    group = {"UserPoolId": Of("group", "pool"), "GroupName": Of("group", "name")}
    return Service(
        "cognito-idp",
        (
            Resource(
                "pool", ("CreateUserPool", {"PoolName": Name("tw-pool-{}"), "MfaConfiguration": "OFF"}),
                {"id": "UserPool.Id"}, {"id": "us-east-1_AAAAAAAAA"},
                (("DescribeUserPool", pool), ("ListUserPools", {"MaxResults": 10}), ("DeleteUserPool", pool),
                 ("ListUsers", pool), ("ListGroups", pool)),
            ),
            Resource(
                "group", ("CreateGroup", {**pool, "GroupName": Name("tw-group-{}")}),
                {"pool": "=UserPoolId", "name": "=GroupName"}, {"pool": "us-east-1_AAAAAAAAA", "name": "tw-nobody"},
                (("GetGroup", group), ("DeleteGroup", group)),
            ),
        ),
    )  # fmt: skip


SERVICES = (
    _s3(), _sqs(), _iam(), _dynamodb(), _logs(), _ec2(), _sns(), _ecr(),
    _kms(), _ssm(), _secretsmanager(), _events(), _kinesis(), _route53(), _stepfunctions(), _cognito(),
)  # fmt: skip
