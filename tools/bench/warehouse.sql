-- The tables that the analytics read, as the loader leaves them in DuckDB, with as many conversations
-- as the variable `conversations` says and three messages each. What no model reads is left out; the
-- same number always gives the same rows.

create temp macro id_of(kind, n) as substr(md5(kind || n), 1, 24);
create temp macro dice(n, salt, sides) as (hash(n * 31 + salt) % sides)::bigint;
create temp macro one_in(n, salt, sides) as dice(n, salt, sides) = 0;
create temp macro text_of(moment) as strftime(moment, '%Y-%m-%dT%H:%M:%S.%gZ');
create temp macro after(moment, seconds) as moment + to_seconds(seconds::bigint);
create temp macro read_at() as timestamp '2026-03-20 21:30:00';

create table users as
select
    id_of('user', i) as id, id_of('org', 1) as org_id, 'User ' || i as name,
    if(i < 450, 'user', 'machine') as user_type, false as deleted, read_at() as updated_at
from range(500) as numbers(i);

create table teams as
select
    id_of('team', i) as id, id_of('org', 1) as org_id, 'Team ' || i as name, false as deleted,
    to_json(list_transform(range(i * 20, i * 20 + 25), n -> id_of('user', n))) as members
from range(20) as numbers(i);

create table tags as
select id_of('tag', i) as id, id_of('org', 1) as org_id, 'Tag ' || i as name, false as deleted
from range(200) as numbers(i);

create table queues as
select id_of('queue', i) as id, id_of('org', 1) as org_id, 'Queue ' || i as name
from range(30) as numbers(i);

create table brands as
select id_of('brand', i) as id, id_of('org', 1) as org_id, 'Brand ' || i as name
from range(5) as numbers(i);

create table sync_runs as
select
    stream as id, id_of('org', 1) as org_id, stream, 'complete' as status,
    read_at() as started_at, read_at() as ended_at
from unnest(['conversations', 'messages', 'audit_logs']) as streams(stream);

create temp view facts as
select
    i,
    id_of('conversation', i) as conversation_id,
    id_of('customer', dice(i, 1, getvariable('conversations') // 3 + 1)) as customer_id,
    read_at() - to_seconds(dice(i, 2, 1000 * 86400)) as began,
    30 + dice(i, 3, 20000) as answered_after,
    dice(i, 4, 450) as agent,
    ['email', 'chat', 'voice', 'sms'][1 + dice(i, 5, 4)] as channel,
    not one_in(i, 6, 20) as is_done,
    3600 + dice(i, 7, 500000) as done_after,
    one_in(i, 8, 10) as was_reopened
from range(getvariable('conversations')) as numbers(i)
;

create table conversations as
select
    conversation_id as id, id_of('org', 1) as org_id, customer_id,
    id_of('queue', dice(i, 10, 30)) as queue_id,
    id_of('brand', dice(i, 11, 5)) as brand_id,
    if(i % 3 = 0, id_of('sla', 1), null) as sla_id,
    if(is_done, 'done', if(one_in(i, 12, 4), 'snoozed', 'open')) as status,
    if(one_in(i, 13, 10), 'out', 'in') as direction, dice(i, 14, 5)::hugeint as priority,
    to_json([channel]) as channels,
    one_in(i, 15, 100) as deleted, one_in(i, 16, 50) as spam,
    false as merged_target, began as created_at,
    after(began, if(is_done, done_after, answered_after)) as updated_at,
    if(one_in(i, 17, 50), read_at(), null) as imported_at, 7::hugeint as rev,
    json_object('id', id_of('message', i * 3), 'sentAt', text_of(began),
        'channel', channel, 'createdByTeams', []) as first_message_in,
    json_object('id', id_of('message', i * 3 + 1),
        'sentAt', text_of(after(began, answered_after)), 'channel', channel) as first_message_out,
    json_object('id', id_of('message', i * 3 + 1), 'createdBy', id_of('user', agent),
        'sentAt', text_of(after(began, answered_after)), 'time', answered_after * 1000,
        'businessTime', answered_after * 400, 'assignedUsers', [id_of('user', agent)],
        'assignedTeams', [id_of('team', agent // 25)]) as first_response,
    if(not is_done and one_in(i, 18, 2),
        json_object('sentAt', text_of(after(began, answered_after + 600))), '{}'::json
    ) as last_message_unresponded_to,
    if(is_done, json_object('createdBy', id_of('user', agent),
        'createdAt', text_of(after(began, done_after)), 'time', done_after * 1000,
        'businessTime', done_after * 300), '{}'::json) as first_done,
    if(is_done, json_object('createdBy', id_of('user', agent),
        'createdAt', text_of(after(began, done_after))), '{}'::json) as last_done,
    json_object('time', done_after * 500) as total_open,
    json_object('time', done_after * 400) as total_snooze,
    json_object('time', done_after * 100) as total_done,
    if(one_in(i, 19, 5), json_object('status', if(one_in(i, 20, 3), 'rated', 'sent'),
        'sentAt', text_of(after(began, done_after + 60)), 'sentBy', id_of('user', agent),
        'sentByTeams', [id_of('team', agent // 25)],
        'rating', if(one_in(i, 20, 3), 1 + dice(i, 21, 5), null),
        'score', if(one_in(i, 20, 3), dice(i, 22, 2), null),
        'formResponse', id_of('survey', i)), '{}'::json) as satisfaction_level,
    if(i % 3 = 0, json_object('name', 'Replies', 'version', 1 + dice(i, 23, 3),
        'matchedAt', text_of(began), 'breached', one_in(i, 24, 8),
        'status', if(one_in(i, 24, 8), 'breached', 'satisfied'),
        'breach', if(one_in(i, 24, 8), json_object('metric', 'firstResponse'), null),
        'metrics', json_object(
            'firstResponse', json_object('breachAt', text_of(after(began, 7200)),
                'satisfiedAt', text_of(after(began, answered_after))),
            'lastResolution', json_object('breachAt', text_of(after(began, 400000))))
    ), null) as sla,
    is_done::hugeint as done_count, was_reopened::hugeint as reopen_count,
    (is_done and was_reopened)::hugeint as reopen_from_done_count,
    3::hugeint as message_count,
    to_json(list_transform(range(dice(i, 25, 3)),
        n -> id_of('tag', dice(i, 26, 200 - 3) + n))) as tags,
    to_json([id_of('user', agent)]) as assigned_users,
    to_json([id_of('team', agent // 25)]) as assigned_teams,
    'A preview of what was said last in conversation ' || i as preview,
    null::timestamp as _sdc_deleted_at
from facts
;

create table messages as
select
    id_of('message', i * 3 + place) as id, id_of('org', 1) as org_id,
    conversation_id, customer_id, channel,
    if(place % 2 = 0, 'in', 'out') as direction, 'follow-up' as direction_type,
    place % 2 = 1 and one_in(i, 30, 10) as auto, one_in(i, 31, 200) as deleted, false as redacted,
    if(place % 2 = 0, 'received', if(one_in(i, 32, 100), 'error', 'sent')) as status,
    'app' as source,
    if(place % 2 = 1, id_of('user', if(one_in(i, 33, 10), 450 + 1, agent)), null)
        as created_by_id,
    if(place % 2 = 1, 'user', null) as created_by_type,
    after(began, place * answered_after) as created_at,
    after(began, place * answered_after) as updated_at,
    after(began, place * answered_after) as sent_at,
    null::timestamp as imported_at, 1::hugeint as rev,
    if(place % 2 = 1, answered_after * 1000.0, null) as response_time,
    if(place % 2 = 1, answered_after * 400.0, null) as response_business_time,
    to_json([id_of('user', agent)]) as assigned_users, to_json([id_of('team', agent // 25)]) as assigned_teams,
    to_json(if(place % 2 = 1, [id_of('team', agent // 25)], [])) as created_by_teams,
    'A preview of message ' || place || ' in conversation ' || i as preview,
    null::timestamp as _sdc_deleted_at
from facts
cross join range(3) as places(place)
;

create table customers as
select
    id_of('customer', i) as id, id_of('org', 1) as org_id, 'Customer ' || i as name,
    to_json([{'email': 'c' || i || '@example.com', 'type': 'home', 'verified': true}]) as emails,
    '[]'::json as shared_emails, false as deleted, timestamp '2023-01-01' as created_at,
    timestamp '2026-01-01' as updated_at, 1::hugeint as rev, null::timestamp as _sdc_deleted_at
from range(getvariable('conversations') // 3 + 1) as numbers(i);

create table conversation_times as
select
    id_of('time', i) as id, id_of('org', 1) as org_id, conversation_id,
    id_of('user', agent) as created_by_id, after(began, answered_after) as created_at,
    after(began, answered_after) as handle_at, dice(i, 40, 900) * 1000.0 as handle_time,
    'v2' as timer_version, to_json([id_of('team', agent // 25)]) as created_by_teams
from facts;

create table satisfaction_responses as
select
    id_of('survey', i) as id, id_of('org', 1) as org_id, conversation_id, customer_id, channel,
    if(one_in(i, 20, 3), 'rated', 'sent') as status,
    if(one_in(i, 20, 3), 1.0 + dice(i, 21, 5), null) as rating,
    if(one_in(i, 20, 3), dice(i, 22, 2)::double, null) as score,
    after(began, done_after + 60) as sent_at, after(began, done_after + 60) as created_at,
    after(began, done_after + 60) as updated_at, id_of('user', agent) as sent_by_id,
    to_json([id_of('team', agent // 25)]) as sent_by_teams
from facts
where one_in(i, 19, 5);

create table audit_logs as
select
    id_of('log', i * 2 + place) as id, id_of('org', 1) as org_id, 'conversation' as object_type,
    conversation_id as object_id, 'update' as event_verb,
    after(began, if(place = 0, answered_after, done_after)) as created_at,
    json_object('attributes', json_object('status', json_object(
        'before', if(place = 0, 'open', 'snoozed'), 'after', if(place = 0, 'snoozed', 'done')
    )), 'relationships', json_object()) as changes
from facts
cross join range(2) as places(place)
where is_done and i % 3 > 0
;
