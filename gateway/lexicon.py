"""Everyday words of Chinese, Japanese and Korean in English, so that a task finds tools described in English.

Basic vocabulary of all walks of life, as primers teach it; no data set's words. Words of one character are left out
where they are part of too many others.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORDS = """
calculate 计算 計算 算出 계산
search 搜索 查找 搜寻 検索 探し 검색 찾아
find 找到 寻找 查出 見つけ
get 查询 获取 取得 获得 查一下 查看 调查 調べ 조회
read 读取 读出 读一 打开 阅读 読み 読ん 읽어 읽고 읽는
write 写入 写到 保存 存到 存入 存为 記録 書き 書い 써서 저장
save 保存 存到 存入 存为 저장
list 列出 列表 清单 一覧 リスト 목록
file 文件 档案 ファイル 파일
folder 文件夹 目录 フォルダ 폴더
table 表格 数据表 テーブル 테이블
date 日期 日付 날짜
time 时间 時間 時刻 시간
day 天数 日数 几天 何日 며칠 일수
week 星期 一周 週間 일주일
month 月份 个月 毎月 每月 매달
year 年数 年份 毎年 每年 매년
today 今天 今日 오늘
difference 差异 之差 相差 差を 差额 차이
text 文本 正文 文章 文字 テキスト 텍스트
number 数字 数值 数を 숫자 号码 番号 번호
sum 总和 合计 求和 合計 합계 之和
average 平均 평균
question 问题 質問 질문
answer 回答 答案 答え 대답
summary 总结 概括 摘要 概要 要約 요약
translate 翻译 翻訳 번역 译文 译成
convert 转换 换算 兑换 折合 変換 両替 換算 변환 환전
send 发送 发给 寄给 送信 送っ 送る 보내 전송 发邮 发一
create 创建 建立 新建 新增 作成 作っ 만들 생성
generate 生成 制作 生み出
compare 比较 对比 比べ 比較 비교
count 统计 计数 数え 개수
delete 删除 削除 삭제
change 修改 更改 变更 変更 변경
update 更新 업데이트
add 添加 加入 追加 추가
check 检查 检验 確認 확인
show 显示 展示 表示 보여
open 打开 開い 開け 열어
close 关闭 閉じ 닫아
start 开始 启动 開始 시작
stop 停止 终止 중지
set 设置 设定 設定 설정
buy 购买 购入 買う 買い 구매
sell 出售 卖出 売る 판매
order 订单 订购 注文 주문
pay 支付 付款 支払 결제 지불
book 书籍 图书 的书 本书 書籍 책을
name 名称 名字 姓名 名前 이름
title 标题 题目 タイトル 제목
subject 主题 件名 주제
content 内容 内容を 내용
message 消息 信息 短信 メッセージ 메시지
email 邮件 邮箱 电邮 メール 이메일 메일
mail 邮件 邮箱
phone 电话 手机 電話 전화
address 地址 住所 주소
city 城市 市内 都市 도시
country 国家 国名 国家 나라
language 语言 言語 언어
person 人员 个人 人物 사람
user 用户 使用者 ユーザー 사용자
customer 客户 顾客 顧客 고객
company 公司 企业 会社 회사
weather 天气 天候 气候 天気 날씨
temperature 温度 气温 気温 기온 온도
forecast 预报 予報 예보
currency 货币 外币 通貨 통화 人民币 美元 日元 欧元 英镑 韩元 港币 港元 ドル ユーロ 달러 유로
money 金额 金钱 钱数 金額 お金 금액
amount 金额 数额 数量 金額 금액 数量
price 价格 价钱 原价 售价 单价 票价 値段 価格 가격
cost 费用 花费 成本 費用 비용
discount 折扣 打折 优惠 割引 할인
percent 百分 百分比 パーセント 퍼센트
tax 税金 税率 税额 消費税 세금
interest 利息 利率 利子 利息 이자
rate 利率 汇率 比率 税率 費率 환율
bank 银行 銀行 은행
account 账户 帐户 账号 口座 계좌 계정
product 商品 产品 製品 상품 제품
store 商店 店铺 お店 가게
quantity 数量 件数 수량
weight 体重 重量 体重 체중 무게
height 身高 高度 身長 高さ 키가 높이
length 长度 长さ 길이
width 宽度 幅 너비
distance 距离 距離 거리
area 面积 面積 면적
volume 体积 容积 体積 부피
speed 速度 时速 速さ 속도
radius 半径 반지름
size 大小 尺寸 サイズ 크기
age 年龄 年齢 나이
body 身体 体重 正文 身長
index 指数 索引 指標 지수
mass 质量 体重
expression 算式 表达式 式子 数式 수식
arithmetic 加上 减去 乘以 除以 等于 算式 计算 計算 계산
event 事件 活动 日程 イベント 予定 이벤트 일정
calendar 日历 日程 カレンダー 달력
meeting 会议 开会 会議 회의
reminder 提醒 リマインダー 알림
remind 提醒
alarm 闹钟 アラーム 알람
schedule 安排 日程 时间表 予定 일정
note 笔记 备忘 便签 メモ 메모
document 文档 文書 문서
report 报告 报表 レポート 보고서
image 图片 图像 照片 画像 写真 이미지 사진
picture 图片 照片 图画 写真 그림
video 视频 影片 動画 동영상 비디오
audio 音频 录音 音声 오디오
music 音乐 歌曲 音楽 음악
song 歌曲 这首歌 曲 노래
news 新闻 消息 ニュース 뉴스
word 单词 词语 単語 단어
meaning 意思 含义 意味 뜻 의미
dictionary 词典 字典 辞書 사전
page 网页 页面 ページ 페이지
website 网站 网址 サイト 사이트
link 链接 リンク 링크
data 数据 资料 データ 데이터
code 代码 编码 コード 코드
random 随机 ランダム 무작위
password 密码 パスワード 비밀번호
hotel 酒店 宾馆 旅馆 ホテル 호텔
flight 航班 机票 飞机 フライト 航空券 항공편 비행기
train 火车 列车 高铁 電車 列車 기차
ticket 车票 机票 门票 切符 표를
travel 旅行 旅游 出行 여행
car 汽车 轿车 車を 자동차
road 道路 公路 도로
map 地图 地図 지도
room 房间 部屋 방을
house 房子 房屋 家を 집을
light 灯光 电灯 照明 조명
door 房门 大门 ドア 문을
food 食物 食品 食べ物 음식
water 喝水 用水 飲み水 물을
calorie 热量 卡路里 カロリー 칼로리
health 健康 건강
doctor 医生 大夫 医者 의사
hospital 医院 病院 병원
school 学校 학교
student 学生 학생
teacher 老师 教师 先生 교사
score 分数 成绩 点数 점수
game 游戏 ゲーム 게임
sport 运动 体育 スポーツ 운동
birthday 生日 誕生日 생일
result 结果 結果 결과
category 类别 分类 种类 カテゴリ 카테고리
type 类型 种类 種類 종류
status 状态 状況 状態 상태
limit 限制 最多 上限 제한
maximum 最大 最高 最多 不超过 最大値 최대
minimum 最小 最低 最少 至少 不少于 최소
square 平方 正方形 정사각형
root 平方根 方根 제곱근
triangle 三角形 삼각형
circle 圆形 圆的 円形 円の
factorial 阶乘 階乗
prime 质数 素数 소수
history 历史 歴史 역사
population 人口 인구
capital 首都 수도
loan 贷款 借款 ローン 대출
invest 投资 投資 투자
project 项目 プロジェクト 프로젝트
team 团队 小组 チーム 팀에
employee 员工 职员 社員 직원
review 评论 评价 レビュー 리뷰
comment 评论 留言 コメント 댓글
recommend 推荐 おすすめ 추천
analyze 分析 分析し 분석
sentiment 情感 情绪 感情 감정
keyword 关键词 关键字 キーワード 키워드
recipient 收件 受信者 받는
"""


def _entries() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for line in _WORDS.strip().splitlines():
        english, *forms = line.split()
        for form in forms:
            if english not in found.setdefault(form, []):
                found[form].append(english)
    return {form: tuple(words) for form, words in found.items()}


@lru_cache(maxsize=1)
def _lexicon() -> tuple[dict[str, tuple[str, ...]], re.Pattern[str]]:
    entries = _entries()
    longest_first = sorted(entries, key=lambda form: (-len(form), form))
    return entries, re.compile("|".join(map(re.escape, longest_first)))


def translated(run: str) -> list[tuple[int, int, str]]:
    """Return the everyday words in a run without spaces, as (start, end, English), longer ones first where they touch.

    >>> translated("北京的天气")
    [(3, 5, 'weather')]
    """
    entries, pattern = _lexicon()
    return [(m.start(), m.end(), english) for m in pattern.finditer(run) for english in entries[m[0]]]
