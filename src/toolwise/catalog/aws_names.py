"""What AWS's SDK for Python calls the services whose name there is not their service id."""

from __future__ import annotations

_OTHERWISE = dict(
    pair.split("=")
    for pair in """
api-gateway=apigateway application-auto-scaling=application-autoscaling app-mesh=appmesh auto-scaling=autoscaling
auto-scaling-plans=autoscaling-plans cost-explorer=ce cloudhsm-v2=cloudhsmv2 cloudsearch-domain=cloudsearchdomain
cognito-identity-provider=cognito-idp config-service=config cost-and-usage-report-service=cur
data-pipeline=datapipeline device-farm=devicefarm direct-connect=directconnect
application-discovery-service=discovery database-migration-service=dms directory-service=ds
directory-service-data=ds-data dynamodb-streams=dynamodbstreams elastic-beanstalk=elasticbeanstalk
elastic-load-balancing=elb elastic-load-balancing-v2=elbv2 elasticsearch-service=es eventbridge=events
global-accelerator=globalaccelerator iot-data-plane=iot-data iot-jobs-data-plane=iot-jobs-data
iot-wireless=iotwireless kinesis-analytics=kinesisanalytics kinesis-analytics-v2=kinesisanalyticsv2
kinesis-video=kinesisvideo lex-model-building-service=lex-models lex-runtime-service=lex-runtime
lex-models-v2=lexv2-models lex-runtime-v2=lexv2-runtime cloudwatch-logs=logs machine-learning=machinelearning
marketplace-entitlement-service=marketplace-entitlement marketplace-commerce-analytics=marketplacecommerceanalytics
marketplace-metering=meteringmarketplace migration-hub=mgh resource-groups-tagging-api=resourcegroupstaggingapi
route-53=route53 route-53-domains=route53domains s3-control=s3control simpledb=sdb secrets-manager=secretsmanager
serverlessapplicationrepository=serverlessrepo service-catalog=servicecatalog
service-catalog-appregistry=servicecatalog-appregistry sfn=stepfunctions
storage-gateway=storagegateway
""".split()
)


def client_name(service_id: str) -> str:
    """The name under which boto3 makes a client: the service id in lower case with hyphens, and some fifty others."""
    usual = service_id.lower().replace(" ", "-")
    return _OTHERWISE.get(usual, usual)
